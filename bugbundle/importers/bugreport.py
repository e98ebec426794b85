"""`istioctl bug-report`, of Istio 1.10 to 1.31, with its folder `bug-report/` or without.

Source: tools/bug-report/pkg/{archive,content,common,bugreport} of Istio at each release: the layout has not changed but
for `cni/` (since 1.20), `nodes` and `pods` as YAML (since 1.22, text of `kubectl describe` before) and
`cluster/k8s-cluster-resources` (since 1.30). What `kubectl get` was asked for grew: see `ALWAYS` and `_asked`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.bundle.model import Gap
from bugbundle.codec import encode
from bugbundle.importers import envoy_text, expected, tables
from bugbundle.importers.draft import Draft
from bugbundle.importers.objects import Group
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names
from bugbundle.istio import Source

NAME = "istioctl bug-report"
MARKS = re.compile(
    r"(?:^|/)(?:cluster/(?:k8s-resources|k8s-cluster-resources|crs|cluster-context|kubectl-version)"
    r"|proxies/[^/]+/[^/]+/(?:config_dump\?include_eds|istio-proxy\.log|netstat)"
    r"|istio/[^/]+/[^/]+/(?:discovery\.log|debug/[a-zA-Z_]+)|bug-report\.log)$"
)
ALWAYS = (
    "pods", "services", "configmaps", "replicationcontrollers", "deployments.apps", "daemonsets.apps",
    "statefulsets.apps", "replicasets.apps", "jobs.batch", "cronjobs.batch", "horizontalpodautoscalers.autoscaling",
    "ingresses.networking.k8s.io",
)  # fmt: skip
"""What every release asks for: kubectl's category `all`, and these."""

_CLUSTER = re.compile(r"(?:^|/)cluster/(?P<file>[a-z0-9-]+)$")
_PAGE = re.compile(r"(?:^|/)(?P<part>proxies|istio|operator)/(?P<ns>[^/]+)/(?P<pod>[^/]+)/(?P<file>.+)$")
_CNI = re.compile(r"(?:^|/)cni/(?P<pod>[^/]+)/cni\.log$")
_PROXY_FILES = {
    "config_dump?include_eds": (Source.ENVOY_CONFIG_DUMP, None),
    "config_dump": (Source.ENVOY_CONFIG_DUMP, None),
    "certs": (Source.ENVOY_CERTS, None),
    "memory": (Source.ENVOY_MEMORY, None),
    "server_info": (Source.ENVOY_SERVER_INFO, None),
    "runtime": (Source.ENVOY_RUNTIME, None),
    "clusters": (Source.ENVOY_CLUSTERS, envoy_text.clusters),
    "listeners": (Source.ENVOY_LISTENERS, envoy_text.listeners),
    "stats/prometheus": (Source.AGENT_METRICS, None),
}
_PREVIOUS = b"========= Previous log present (appended at the end) =========\n\n"
_DIVIDER = b"\n\n========= Previous log =========\n\n"
_SERVER = re.compile(rb"^Server Version: (?:version\.Info\{[^\n]*GitVersion:\")?(v[0-9][^\s\",]*)", re.MULTILINE)


def detect(tree: Tree) -> bool:
    """Whether an archive is laid out so."""
    return sum(1 for name in tree.files if MARKS.search(name)) >= 2


def read(draft: Draft, names: Names) -> None:
    """Take every file of a bug-report."""
    cluster = {match["file"]: name for name in draft.tree.files if (match := _CLUSTER.search(name))}
    _objects(draft, cluster)
    _version(draft, cluster)
    for name in draft.tree.files:
        page, cni = _PAGE.search(name), _CNI.search(name)
        if page:
            _page(draft, names, name, page)
        elif cni:
            _log(draft, _namespace(draft, cluster, cni["pod"]), cni["pod"], "install-cni", name)


def _objects(draft: Draft, cluster: dict[str, str]) -> None:
    kinds: set[str] = set()
    for file in ("k8s-resources", "k8s-cluster-resources", "crs"):
        if file in cluster:
            kinds |= {group.kind for group in draft.objects(cluster[file], whole=True, only=_known)}
    if kinds:
        _asked(draft, cluster, kinds)
    for file, kind in (("nodes", "Node"), ("pods", "Pod"), ("secrets", "Secret")):
        if file in cluster and kind not in kinds and draft.tree.head(cluster[file]).lstrip().startswith(b"apiVersion"):
            namespace = "istio-system" if kind == "Pod" else None
            draft.objects(cluster[file], namespace, whole=kind != "Pod")
    if "events" in cluster and "Event" not in kinds:
        _events(draft, cluster["events"])


def _known(group: Group) -> bool:
    return group.kind != "ComponentStatus"


def _asked(draft: Draft, cluster: dict[str, str], kinds: set[str]) -> None:
    """Empty lists of what the release that wrote this asked for, and found none of."""
    if not {"Pod", "Service", "Deployment"} <= kinds:
        return
    asked = list(ALWAYS)
    if "Node" in kinds or "k8s-cluster-resources" in cluster:
        asked += ["networkpolicies.networking.k8s.io", "endpointslices.discovery.k8s.io"]
    if "Namespace" in kinds:
        asked += [
            "mutatingwebhookconfigurations.admissionregistration.k8s.io",
            "validatingwebhookconfigurations.admissionregistration.k8s.io",
        ]
    if "crs" in cluster and "CustomResourceDefinition" in kinds:
        asked += sorted(expected.defined(draft) or ())
    expected.empty(draft, asked)
    expected.discovery(draft)


def _events(draft: Draft, file: str) -> None:
    at = draft.when(file)
    path = "k8s/api/v1/events.json"
    if not tables.EVENTS.match(draft.tree.head(file).decode("utf-8", "replace")):
        return

    def made() -> bytes:
        items = tables.events(draft.tree.read(file), at or draft.now)
        return encode({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": items})

    draft.made(path, file, "GET /api/v1/events", made)


def _version(draft: Draft, cluster: dict[str, str]) -> None:
    file = cluster.get("kubectl-version", "")
    found = _SERVER.search(draft.tree.head(file)) if file else None
    if found:
        text = found[1].decode("utf-8", "replace")
        major, minor = [*text.removeprefix("v").split("."), "", ""][:2]
        body = encode({"major": major, "minor": minor, "gitVersion": text})
        draft.made("k8s/version.json", file, "GET /version", lambda: body)


def _page(draft: Draft, names: Names, file: str, match: re.Match[str]) -> None:
    part, namespace, pod, name = match["part"], match["ns"], match["pod"], match["file"]
    if part == "istio":
        names.istiod(namespace, pod)
        _istiod(draft, namespace, pod, name, file)
    elif part == "operator" and name == "operator.log":
        _log(draft, namespace, pod, "istio-operator", file)
    elif part == "proxies":
        names.know(namespace, pod)
        if name == "istio-proxy.log":
            _log(draft, namespace, pod, "istio-proxy", file)
        elif name == "config_dump" and _is_ztunnel(draft, file):
            names.ztunnels.add(pod)
            draft.page(Source.ZTUNNEL_CONFIG_DUMP, namespace, pod, file)
        elif name in _PROXY_FILES:
            source, convert = _PROXY_FILES[name]
            _proxy_page(draft, source, namespace, pod, file, convert)


def _proxy_page(draft: Draft, source: Source, namespace: str, pod: str, file: str, convert) -> None:  # type: ignore[no-untyped-def]
    """A page that is text in this layout; one that is JSON all the same is taken as it is."""
    if convert is None or draft.tree.head(file).lstrip()[:1] == b"{":
        draft.page(source, namespace, pod, file)
        return
    head = draft.tree.head(file)
    if not envoy_text.is_clusters(head) and not envoy_text.is_listeners(head):
        said = head.decode("utf-8", "replace").strip().partition("\n")[0][:300]
        path = source.entry(namespace, pod)
        draft.taken.add(file)
        reason = f"the recording holds an error in its place: {said}" if said else "the file is empty"
        draft.gaps.setdefault(path, Gap(path, f"proxy {pod}.{namespace}", source.value.request, 0, reason))
        return
    draft.page(source, namespace, pod, file, convert=convert)


def _is_ztunnel(draft: Draft, file: str) -> bool:
    head = draft.tree.head(file)
    return b"envoy.admin" not in head and head.lstrip()[:1] == b"{"


def _istiod(draft: Draft, namespace: str, pod: str, name: str, file: str) -> None:
    if name == "discovery.log":
        _log(draft, namespace, pod, "discovery", file)
    elif name == "metrics":
        draft.page(Source.ISTIOD_METRICS, namespace, pod, file)
    elif name.startswith("debug/") and name.count("/") == 1:
        page = name.removeprefix("debug/").partition("?")[0]
        ending = "json" if draft.tree.head(file).lstrip()[:1] in (b"{", b"[") else "txt"
        draft.page(Source.ISTIOD_DEBUG, namespace, pod, file, f"{page}.{ending}")


def _log(draft: Draft, namespace: str, pod: str, container: str, file: str) -> None:
    """A log; that of the run before the last restart is appended to it."""
    if not draft.tree.head(file, len(_PREVIOUS)).startswith(_PREVIOUS):
        draft.log(namespace, pod, container, file)
        return
    draft.log(namespace, pod, container, file, convert=lambda data: data.removeprefix(_PREVIOUS).partition(_DIVIDER)[0])
    draft.log(namespace, pod, container, file, True, convert=lambda data: data.partition(_DIVIDER)[2])


def _namespace(draft: Draft, cluster: dict[str, str], pod: str) -> str:
    """The namespace of a pod, from the objects without parsing them."""
    wanted = re.compile(rb"^    name: " + re.escape(pod).encode() + rb"\n    namespace: ([a-z0-9-]+)$", re.MULTILINE)
    for data in _texts(draft, cluster):
        found = wanted.search(data)
        if found:
            return found[1].decode()
    return "istio-system"


def _texts(draft: Draft, cluster: dict[str, str]) -> Iterator[bytes]:
    for file in ("k8s-resources", "pods"):
        if file in cluster:
            yield draft.tree.read(cluster[file])
