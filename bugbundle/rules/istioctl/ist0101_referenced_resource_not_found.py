"""IST0101: an object refers to something that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.istioctl import references as parts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Blind, Level

NEEDS = (
    (parts.hosts_of_routes, (res.SERVICE, res.SERVICE_ENTRY)),
    (parts.subsets_of_routes, (res.DESTINATION_RULE,)),
    (parts.gateways_of_routes, (res.GATEWAY,)),
    (parts.selectors_of_gateways, (res.POD,)),
    (parts.credentials_of_gateways, (res.POD, res.SECRET)),
    (parts.selectors_of_policies, (res.POD,)),
    (parts.namespaces_of_policies, (res.NAMESPACE,)),
)
"""Each part, and the lists without which it cannot say that something is missing."""


@analyzer(
    "IST0101",
    "virtualservice.DestinationHostAnalyzer",
    level=Level.ERROR,
    reads=set(),
    optional={
        Source.ISTIOD_VERSION,
        res.VIRTUAL_SERVICE,
        res.DESTINATION_RULE,
        res.GATEWAY,
        res.K8S_GATEWAY,
        res.SERVICE,
        res.SERVICE_ENTRY,
        res.SIDECAR,
        res.TELEMETRY,
        res.AUTHORIZATION_POLICY,
        res.SECRET,
        res.POD,
        res.NAMESPACE,
    },
    message="Referenced {kind} not found: {name}",
    explains={"BB103", "BB301", "BB302", "BB306", "BB406", "BB709", "BB724", "BB750", "IST0132", "IST0145"},
    diagnosis=True,
)
def referenced_resource_not_found(mesh: Mesh) -> Iterator[Hit | Blind]:
    """An Istio object names a host, port, subset, gateway, workload, Secret or namespace that does not exist.

    ## Why it matters
    A route to a host or subset that is not there answers 503 (response flag NC); a VirtualService whose Gateway is
    missing is never reached; a Gateway server without its Secret refuses every TLS connection; a selector that fits
    no pod makes the object do nothing.

    ## What to do
    Read the name in the message: correct it where it is a slip, or create what it names. For a subset, add it to the
    DestinationRule of the host before the VirtualService uses it. The Secret of a Gateway belongs in the namespace of
    the gateway's pods.
    """
    for part, needs in NEEDS:
        gaps = [mesh.kube.gap(resource) for resource in needs if mesh.kube.serves(resource) is not False]
        missing = tuple(gap.text for gap in gaps if gap)
        if missing:
            yield Blind(part.__name__.replace("_", " "), missing)
            continue
        absent = next((gap.text for one in needs if (gap := mesh.kube.unlisted(one))), "")
        for hit in part(mesh):
            unseen = _unseen(mesh, hit, needs)
            if unseen:
                yield Blind(str(hit.origin), (unseen,))
            else:
                yield hit._replace(harmless=hit.harmless or absent)


def _unseen(mesh: Mesh, hit: Hit, needs: tuple[str, ...]) -> str:
    """Why what a hit calls missing may be there all the same: its namespace was not recorded."""
    for thing in hit.objects:
        for resource in needs if thing.namespace else ():
            if mesh.kube.entries(resource) and not index(mesh).covers(resource, thing.namespace):
                return f"{resource} of namespace {thing.namespace} were not recorded"
    entries = mesh.kube.entries(res.POD)
    if hit.origin.kind == "Gateway" and res.POD in needs and entries and all("/namespaces/" in one for one in entries):
        return "pods of all namespaces were not recorded"
    return ""
