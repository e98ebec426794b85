"""Files under any names, known by what stands in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from bugbundle.codec import encode
from bugbundle.errors import BugbundleError
from bugbundle.importers import content as is_
from bugbundle.importers import envoy_text, tables
from bugbundle.importers.content import Look
from bugbundle.importers.draft import Draft
from bugbundle.importers.whose import UNKNOWN, Names
from bugbundle.istio import Source

MANY = 20_000
"""Files that are looked at where no layout names them."""

LARGE = 256 << 20
_PAGES = {
    is_.DUMP: (Source.ENVOY_CONFIG_DUMP, None),
    is_.CLUSTERS: (Source.ENVOY_CLUSTERS, None),
    is_.CLUSTERS_TEXT: (Source.ENVOY_CLUSTERS, envoy_text.clusters),
    is_.LISTENERS: (Source.ENVOY_LISTENERS, None),
    is_.LISTENERS_TEXT: (Source.ENVOY_LISTENERS, envoy_text.listeners),
    is_.CERTS: (Source.ENVOY_CERTS, None),
    is_.SERVER_INFO: (Source.ENVOY_SERVER_INFO, None),
    is_.MEMORY: (Source.ENVOY_MEMORY, None),
    is_.RUNTIME: (Source.ENVOY_RUNTIME, None),
    is_.INIT_DUMP: (Source.ENVOY_INIT_DUMP, None),
    is_.STATS: (Source.ENVOY_STATS, None),
    is_.PROXY_METRICS: (Source.AGENT_METRICS, None),
    is_.ZTUNNEL_DUMP: (Source.ZTUNNEL_CONFIG_DUMP, None),
    is_.ZTUNNEL_METRICS: (Source.ZTUNNEL_METRICS, None),
    is_.ISTIOD_METRICS: (Source.ISTIOD_METRICS, None),
}


def read(draft: Draft, names: Names, layouts: Sequence[ModuleType]) -> None:
    """Take the files that no layout has taken; beside a layout only those whose content says whose they are."""
    looks: dict[str, Look] = {}
    for file in [name for name in draft.tree.files if name not in draft.taken][:MANY]:
        if layouts and ("/" in file.strip("/")):
            continue
        if draft.tree.files[file].size > LARGE:
            draft.problems.append(f"{file}: is too large to be looked at")
            continue
        try:
            found = is_.look(draft.tree.read(file), file)
        except BugbundleError as error:
            draft.problems.append(error.text)
            continue
        if found is not None:
            looks[file] = found
    _place(draft, names, looks)


def _place(draft: Draft, names: Names, looks: dict[str, Look]) -> None:
    for file, found in looks.items():
        if found.kind == is_.KUBERNETES:
            _objects(draft, file)
        elif found.pod:
            names.know(found.namespace, found.pod)
            if found.kind == is_.ZTUNNEL_DUMP:
                names.ztunnels.add(found.pod)
    names.learn(draft)
    for file, found in looks.items():
        _one(draft, names, file, found)


def _one(draft: Draft, names: Names, file: str, found: Look) -> None:
    namespace, pod = (found.namespace, found.pod) if found.pod else names.of(file)
    if found.kind in _PAGES:
        source, convert = _PAGES[found.kind]
        if source is Source.ISTIOD_METRICS:
            namespace, pod = istiod(names, namespace, pod)
        draft.page(source, namespace, pod, file, convert=convert)
    elif found.kind == is_.ISTIOD_PAGE:
        draft.page(Source.ISTIOD_DEBUG, *istiod(names, namespace, pod), file, f"{found.page}.json")
    elif found.kind in (is_.ACCOUNT, is_.EDSZ):
        source = Source.ISTIOD_CONFIG_DUMP if found.kind == is_.ACCOUNT else Source.ISTIOD_EDSZ
        draft.page(source, *istiod(names, "", ""), file, f"{pod}.{namespace}")
    elif found.kind == is_.LOG:
        _log(draft, names, file, found, namespace, pod)
    elif found.kind == is_.STATUS_TABLE:
        _status(draft, names, file)
    elif found.kind == is_.EVENTS_TABLE:
        _events(draft, file)


def istiod(names: Names, namespace: str, pod: str) -> tuple[str, str]:
    """The istiod that a page is of: the pod that its path names, else the only one, else one without a name."""
    if (namespace, pod) in names.istiods or (pod.startswith("istiod") and namespace != UNKNOWN):
        return namespace, pod
    if names.istiods:
        return names.istiods[0]
    known = [(space, name) for name, space in names.pods.items() if name.startswith("istiod")]
    return known[0] if known else ("istio-system", "istiod")


def _log(draft: Draft, names: Names, file: str, found: Look, namespace: str, pod: str) -> None:
    container = found.container or _container(file, pod)
    previous = "previous" in file.rpartition("/")[2]
    if container == "discovery":
        namespace, pod = istiod(names, namespace, pod)
        names.istiod(namespace, pod)
    draft.log(namespace, pod, container, file, previous)


def _container(file: str, pod: str) -> str:
    """The container in a file's name (`POD_CONTAINER.log`); where there is none, the application's."""
    stem = file.rpartition("/")[2].removesuffix(".log").removesuffix(".txt")
    rest = stem.replace(pod, "").strip("-_.")
    return "".join(c for c in rest.lower() if c.isalnum() or c == "-").strip("-") or "app"


def _objects(draft: Draft, file: str) -> None:
    """Objects of Kubernetes: all of a kind where they are a list of several namespaces, else what is there."""
    draft.taken.add(file)
    from bugbundle.importers.objects import groups

    try:
        found = groups(draft.tree.read(file), file)
    except BugbundleError as error:
        draft.problems.append(error.text)
        return
    for group in found:
        try:
            items = group.load()
        except BugbundleError as error:
            draft.problems.append(error.text)
            continue
        spaces = set(map(_namespace, items))
        whole = len(spaces) > 1 or (group.listed and spaces <= {""})
        if whole or spaces <= {""}:
            draft.group(group, None, whole=whole)
        else:
            draft.group(group, next(iter(spaces)))


def _namespace(item: dict[str, Any]) -> str:
    meta = item.get("metadata")
    return str(meta.get("namespace") or "") if isinstance(meta, dict) else ""


def _status(draft: Draft, names: Names, file: str) -> None:
    data = draft.tree.read(file)
    for pod, rows in tables.syncz(data).items():
        namespace, name = istiod(names, names.pods.get(pod, UNKNOWN), pod) if pod == "istiod" else ("istio-system", pod)
        path = Source.ISTIOD_DEBUG.entry(namespace, name, "syncz.json")
        draft.made(path, file, "GET /debug/syncz", lambda rows=rows: encode(rows))  # type: ignore[misc]


def _events(draft: Draft, file: str) -> None:
    at = draft.when(file)

    def made() -> bytes:
        items = tables.events(draft.tree.read(file), at or draft.now)
        return encode({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": items})

    draft.made("k8s/api/v1/events.json", file, "GET /api/v1/events", made)


def what(draft: Draft) -> str:
    """What loose files are, together."""
    counts = Counter(path.partition("/")[0] for path in (*draft.entries, *draft.lists))
    if len(draft.taken) == 1:
        return "file"
    return "collection of files" if counts else "file"
