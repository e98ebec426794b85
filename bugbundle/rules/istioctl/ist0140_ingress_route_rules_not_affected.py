"""IST0140: a VirtualService of a gateway bypasses the subsets of another for the same host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import destinations, host_of, texts_of
from bugbundle.mesh.ref import name_of
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0140",
    "virtualservice.DestinationHostAnalyzer",
    level=Level.WARNING,
    reads={res.VIRTUAL_SERVICE},
    message="Subset in virtual service {other} has no effect on ingress gateway {service} requests",
)
def ingress_route_rules_not_affected(mesh: Mesh) -> Iterator[Hit]:
    """A VirtualService of a gateway bypasses the subsets of another for the same host.

    ## Why it matters
    What comes through the gateway is not split by the subset rules that hold inside of the mesh.

    ## What to do
    Bind one VirtualService to both, or name the subset in the gateway's VirtualService.
    """
    subsets: dict[str, dict[str, None]] = defaultdict(dict)
    for service in mesh.kube.list(res.VIRTUAL_SERVICE):
        mine = texts_of(service.spec.get("hosts"))
        for place, destination, mirror in destinations(service):
            known = place.startswith("/spec/http") and not mirror and destination.get("subset")
            if known and host_of(destination) in mine:
                subsets[host_of(destination)][name_of(service)] = None
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        if not texts_of(service.spec.get("gateways")):
            continue
        for place, destination, mirror in destinations(service):
            if destination.get("subset") or mirror or not place.startswith("/spec/http"):
                continue
            for other in subsets.get(host_of(destination), ()):
                values = {"other": other, "service": name_of(service)}
                yield Hit(service, values, place, f"host: {host_of(destination)}, no subset")
