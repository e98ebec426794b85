"""BB506: l7 rules for an ambient Service that has no waypoint."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.policies import l7_uses
from bugbundle.mesh.config.waypoints import binding
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.workloads.index import captured, index, pod_id
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB506",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE, res.SERVICE, res.POD},
    optional={res.VIRTUAL_SERVICE, res.HTTP_ROUTE, res.GRPC_ROUTE, res.REQUEST_AUTHENTICATION},
    message=(
        "{item} sets L7 rules for the ambient Service {service}, which uses no waypoint: between "
        "ambient workloads they have no effect"
    ),
)
def l7_without_waypoint(mesh: Mesh) -> Iterator[Evidence]:
    """L7 rules for an ambient Service that has no waypoint.

    ## Why it matters
    ztunnel does not read them: an HTTPRoute, a VirtualService for sidecars or a RequestAuthentication has no
    effect on calls between ambient workloads.

    ## What to do
    Give the Service a waypoint (`istio.io/use-waypoint`).
    """
    for item, place, service in l7_uses(mesh):
        found = binding(mesh, service)
        pods = [pod for pod in index(mesh).pods_of(service) if captured(pod)]
        if found is None and pods:
            yield Evidence(
                ref(item),
                {"item": str(item), "service": name_of(service)},
                objects=(ref(service),),
                proofs=(
                    Proof(item.at(place), f"for {service}"),
                    Proof(service.at("/metadata/labels"), "no istio.io/use-waypoint"),
                ),
                affects=tuple(pod_id(pod) for pod in pods),
                confidence=Confidence.LIKELY,
            )
