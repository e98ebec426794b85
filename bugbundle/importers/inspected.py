"""`oc adm inspect`, must-gather, the Istio gather (in an image of its own, or in `istio/` of OpenShift's), and what
Kiali runs offline on, which is the same with `offline-manifest.json`.

Source: openshift/oc pkg/cli/admin/inspect; openshift-service-mesh/istio-must-gather and openshift/must-gather
collection-scripts/gather_istio; kiali cmd/gather.go, kubernetes/offline.
"""

from __future__ import annotations

import re

from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.importers import expected
from bugbundle.importers.draft import Draft
from bugbundle.importers.objects import Group, bare, groups
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names
from bugbundle.istio import Source

NAME = "must-gather (oc adm inspect)"
_OBJECTS = re.compile(
    r"(?:^|/)(?:namespaces/(?P<ns>[^/]+)|cluster-scoped-resources)/(?P<group>[^/]+)/(?P<rest>[^/]+(?:/[^/]+)?)\.(?:yaml|json)$"
)
_NAMESPACE = re.compile(r"(?:^|/)namespaces/(?P<ns>[^/]+)/(?P<again>[^/]+)\.yaml$")
_POD = re.compile(r"(?:^|/)namespaces/(?P<ns>[^/]+)/pods/(?P<pod>[^/]+)/(?P<file>[^/]+)$")
_LOG = re.compile(
    r"(?:^|/)namespaces/(?P<ns>[^/]+)/pods/(?P<pod>[^/]+)/(?P<c>[^/]+)/(?P=c)/logs/(?P<run>current|previous)(?P<odd>\.insecure)?\.log$"
)
_SYNCZ = re.compile(r"(?:^|/)namespaces/(?P<ns>[^/]+)/(?:(?P<rev>[^/]+)/)?debug-syncz\.json$")
_MARK = re.compile(
    r"(?:^|/)(?:namespaces/[^/]+/(?:core|apps|batch|pods)/|cluster-scoped-resources/(?:core|[a-z0-9.-]+\.[a-z0-9.-]+)/)"
)
_PAGES = {
    "config_dump_proxy.json": Source.ENVOY_CONFIG_DUMP,
    "proxy_stats": Source.ENVOY_STATS,
}
_GATHERED = ("config_dump_proxy.json", "config_dump_istiod.json", "debug-syncz.json")


def detect(tree: Tree) -> bool:
    """Whether an archive is laid out so."""
    return sum(1 for name in tree.files if _MARK.search(name)) >= 2 or any(map(_SYNCZ.search, tree.files))


def read(draft: Draft, names: Names) -> None:
    """Take every file of it."""
    seen: dict[str, set[str]] = {}
    accounts: list[tuple[str, str, str]] = []
    for file in draft.tree.files:
        if _SYNCZ.search(file):
            continue
        if match := _LOG.search(file):
            _log(draft, names, file, match)
        elif match := _POD.search(file):
            _of_pod(draft, names, file, match, accounts)
        elif match := _OBJECTS.search(file):
            _objects(draft, file, match, seen)
        elif (match := _NAMESPACE.search(file)) and match["ns"] == match["again"]:
            draft.objects(file)
        elif file.rpartition("/")[2] in ("timestamp", "offline-manifest.json"):
            _time(draft, file)
    _istiods(draft, names)
    for namespace, pod, file in accounts:
        at = _istiod_of(names, "", "")
        draft.page(Source.ISTIOD_CONFIG_DUMP, *at, file, f"{pod}.{namespace}")
    _complete(draft, seen)


def _log(draft: Draft, names: Names, file: str, match: re.Match[str]) -> None:
    names.know(match["ns"], match["pod"])
    if match["c"] == "discovery":
        names.istiod(match["ns"], match["pod"])
    draft.log(match["ns"], match["pod"], match["c"], file, match["run"] == "previous")


def _of_pod(draft: Draft, names: Names, file: str, match: re.Match[str], accounts: list[tuple[str, str, str]]) -> None:
    namespace, pod, name = match["ns"], match["pod"], match["file"]
    names.know(namespace, pod)
    if name == "config_dump_istiod.json":
        accounts.append((namespace, pod, file))
    elif name == "config_dump_proxy.json" and _is_ztunnel(draft, file):
        draft.page(Source.ZTUNNEL_CONFIG_DUMP, namespace, pod, file)
    elif name in _PAGES:
        draft.page(_PAGES[name], namespace, pod, file)
    elif name == f"{pod}.yaml":
        draft.objects(file, namespace)


def _is_ztunnel(draft: Draft, file: str) -> bool:
    head = draft.tree.head(file)
    return head.lstrip()[:1] == b"{" and b"envoy.admin" not in head and b'"configs"' not in head


def _objects(draft: Draft, file: str, match: re.Match[str], seen: dict[str, set[str]]) -> None:
    """One object, or a typed list of them. A list is all that the namespace has of its kind."""
    namespace = match["ns"]
    draft.taken.add(file)
    plural = match["rest"].partition("/")[0]
    try:
        found = _groups(draft, file, match["group"], plural)
    except BugbundleError as error:
        if draft.tree.files[file].size:
            draft.problems.append(error.text)
        return
    for group in found:
        own = plural if "/" in match["rest"] or group.listed else ""
        draft.group(group, namespace, whole=group.listed, plural=_plural(group, own))
        if namespace:
            seen.setdefault(namespace, set()).add(plural)


def _groups(draft: Draft, file: str, api_group: str, plural: str) -> list[Group]:
    """The objects of a file; where they don't say their kind, the folders do."""
    data = draft.tree.read(file)
    try:
        return groups(data, file)
    except BugbundleError:
        group = "" if api_group == "core" else api_group
        row = next((row for row in expected.ALL if row[1] == plural and row[0].rpartition("/")[0] == group), None)
        if row is None:
            raise
        return [bare(data, row[0], row[2], file)]


def _plural(group: Group, folder: str) -> str:
    """The list's name as the folder gives it, where that can be the kind's."""
    return folder if folder and folder.replace("-", "").startswith(group.kind.lower()[:-1]) else ""


def _time(draft: Draft, file: str) -> None:
    """When it was gathered: the last time in `timestamp`, or the one in Kiali's manifest."""
    draft.taken.add(file)
    text = draft.tree.head(file).decode("utf-8", "replace")
    if file.endswith(".json"):
        try:
            said = decode(text.encode(), file)
        except BugbundleError:
            return
        if isinstance(said, dict):
            draft.at(parse_time(said.get("timestamp") or said.get("Timestamp")))
            draft.cluster = str(said.get("cluster") or said.get("Cluster") or "")[:100]
        return
    found = re.findall(r"(20\d\d-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d\d)(\d\d)", text)
    if found:
        day, time, hours, minutes = found[-1]
        draft.at(parse_time(f"{day}T{time}{hours}:{minutes}"))


def _istiods(draft: Draft, names: Names) -> None:
    """The accounts of each istiod; the scripts ask the first pod of each revision."""
    for file in draft.tree.files:
        if match := _SYNCZ.search(file):
            namespace, pod = _istiod_of(names, match["ns"], match["rev"] or "")
            names.istiod(namespace, pod)
            draft.page(Source.ISTIOD_SYNCZ, namespace, pod, file)


def _istiod_of(names: Names, namespace: str, revision: str) -> tuple[str, str]:
    own = sorted(pair for pair in names.istiods if not namespace or pair[0] == namespace)
    if not own:
        named = [(space, pod) for pod, space in names.pods.items() if pod.startswith("istiod")]
        own = sorted(pair for pair in named if not namespace or pair[0] == namespace)
    if revision and revision != "default":
        own = [pair for pair in own if pair[1].startswith(f"istiod-{revision}-")] or own
    elif revision == "default":
        own = [pair for pair in own if pair[1].count("-") == 2] or own
    name = "istiod" if revision in ("", "default") else f"istiod-{revision}"
    return own[0] if own else (namespace or "istio-system", name)


def _complete(draft: Draft, seen: dict[str, set[str]]) -> None:
    """Custom resources: the Istio gather asks for those of every kind that is Istio's or the Gateway API's."""
    if not any(file.rpartition("/")[2] in _GATHERED for file in draft.tree.files):
        return
    kinds = {name for path, known in draft.lists.items() if path.endswith("/customresourcedefinitions.json")
             for group in known.groups for name in _crd_names(group)}  # fmt: skip
    expected.empty(draft, (name for name in kinds if name.endswith((".istio.io", ".gateway.networking.k8s.io"))))


def _crd_names(group: Group) -> list[str]:
    try:
        return group.names()
    except BugbundleError:
        return []
