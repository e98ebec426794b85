"""IST0173: a DestinationRule's subset fits no pod of the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.ref import ref
from bugbundle.mesh.selectors import contains, selector_text, workload_selector
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.istioctl.topology import selects
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0173",
    "destinationrule.SubsetSelectPodAnalyzer",
    level=Level.ERROR,
    reads={res.DESTINATION_RULE, res.SERVICE, res.POD},
    optional={res.SERVICE_ENTRY, res.WORKLOAD_ENTRY, res.NODE, res.VIRTUAL_SERVICE},
    message=(
        "The Subset {subset} defined in the DestinationRule does not select any pods. Which may "
        "lead to 503 UH (NoHealthyUpstream)."
    ),
    explains={"BB302", "BB701", "BB710"},
)
def subset_selects_no_pods(mesh: Mesh) -> Iterator[Hit]:
    """A DestinationRule's subset fits no pod of the mesh.

    ## Why it matters
    Requests to the subset answer 503 (response flag UH).

    ## What to do
    Correct the labels of the subset, or label the pods.
    """
    known = index(mesh)
    nodes = {node.name: node.labels for node in mesh.kube.list(res.NODE)}
    for item in analysed(mesh, res.DESTINATION_RULE):
        target = hosts(mesh).find(as_text(item.spec.get("host")), item.namespace, item.spec.get("exportTo"))
        if target is None:
            continue
        base = (
            workload_selector(target.source.spec, "workloadSelector") if target.source.kind == "ServiceEntry" else None
        )
        for number, subset in enumerate(dicts(item.spec.get("subsets"))):
            wanted = {**(base or {}), **texts(subset.get("labels"))}
            if not selects(known, nodes, wanted):
                name = as_text(subset.get("name"))
                text = f"subset {name}: {selector_text(wanted)}"
                by = _by_entries(mesh, target.source, wanted) or _unused(mesh, target.source, name)
                place = f"/spec/subsets/{number}/labels"
                yield Hit(item, {"subset": name}, place, text, (ref(target.source),), harmless=by)


def _by_entries(mesh: Mesh, source: KubeObject, wanted: dict[str, str]) -> str:
    """The endpoints of a ServiceEntry, or the WorkloadEntries, that a subset selects: istioctl looks at pods only."""
    if any(contains(texts(endpoint.get("labels")), wanted) for endpoint in dicts(source.spec.get("endpoints"))):
        return f"endpoints of {source} have these labels"
    for entry in mesh.kube.list(res.WORKLOAD_ENTRY):
        labels = {**entry.labels, **texts(entry.spec.get("labels"))}
        if entry.namespace == source.namespace and contains(labels, wanted):
            return f"{entry} has these labels"
    return ""


def _unused(mesh: Mesh, source: KubeObject, name: str) -> str:
    """A subset for a version that is not deployed costs nobody a request until a route sends there."""
    for kind in ("http", "tcp", "tls"):
        for item in mesh.kube.list(res.VIRTUAL_SERVICE):
            for entry in dicts(item.spec.get(kind)):
                for route in [*dicts(entry.get("route")), {"destination": entry.get("mirror")}]:
                    destination = as_dict(route.get("destination"))
                    found = hosts(mesh).find(as_text(destination.get("host")), item.namespace)
                    if destination.get("subset") == name and (found is None or found.source is source):
                        return ""
    return f"no VirtualService sends to subset {name}" if mesh.kube.recorded(res.VIRTUAL_SERVICE) else ""
