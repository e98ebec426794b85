"""BB515: a waypoint does not allow those that want to use it from another namespace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import Binding, ambient_pods, bound_condition, service_bindings, waypoint
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB515",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.SERVICE, res.K8S_GATEWAY},
    optional={res.SERVICE_ENTRY, res.POD},
    message=(
        "{holder} uses waypoint {name}, which allows {allowed} only ({services}): traffic goes straight to the "
        "workloads, without L7"
    ),
    explains={"BB505", "BB506", "BB557", "IST0171"},
)
def waypoint_not_allowed(mesh: Mesh) -> Iterator[Evidence]:
    """A waypoint does not allow those that want to use it from another namespace.

    The listener's `allowedRoutes.namespaces` decides, `Same` unless it says otherwise (istio,
    `serviceregistry/ambient/waypoints.go`; condition AttachmentDenied).

    ## Why it matters
    istiod does not bind them: no L7 routing, policy or telemetry.

    ## What to do
    Set `allowedRoutes.namespaces.from: All` (or a Selector) at the waypoint's HBONE listener, or use a waypoint of the
    same namespace.
    """
    groups: dict[tuple[Ref, Ref], list[tuple[Binding, KubeObject]]] = defaultdict(list)
    for found in service_bindings(mesh):
        gateway = waypoint(mesh, found.waypoint)
        if gateway is not None and not admits(mesh, gateway, found.target.namespace):
            groups[ref(found.holder), ref(gateway)].append((found, gateway))
    for (holder, name), members in groups.items():
        first, gateway = members[0]
        told = bound_condition(first.target)
        yield Evidence(
            holder,
            {
                "holder": str(holder),
                "name": f"{name.namespace}/{name.name}",
                "allowed": {"Selector": "other namespaces"}.get(allowed(gateway)[0], "its own namespace"),
                "services": some(len(members), "Service"),
            },
            objects=(name, *(ref(found.target) for found, _ in members)),
            proofs=(
                Proof(first.holder.at("/metadata/labels"), f"uses {name.namespace}/{name.name}"),
                Proof(gateway.at("/spec/listeners"), f"allowedRoutes.namespaces.from: {allowed(gateway)[0]}"),
                *((Proof(first.target.at(told[0]), as_text(told[1].get("message"))),) if told else ()),
            ),
            affects=tuple(pod_id(pod) for pod in ambient_pods(mesh, first.target.namespace)),
        )


def allowed(gateway: KubeObject) -> tuple[str, object]:
    """(`Same`, `All`, `Selector`, `None`; the selector) of the waypoint's HBONE listener."""
    for listener in dicts(gateway.spec.get("listeners")):
        if listener.get("protocol") == "HBONE" or listener.get("port") == 15008:
            namespaces = as_dict(as_dict(listener.get("allowedRoutes")).get("namespaces"))
            return as_text(namespaces.get("from")) or "Same", namespaces.get("selector")
    return "Same", None


def admits(mesh: Mesh, gateway: KubeObject, namespace: str) -> bool:
    """Whether those of a namespace may use the waypoint."""
    mode, selector = allowed(gateway)
    if mode == "Selector":
        return matches(selector, index(mesh).labels_of(namespace), absent=True)
    return mode == "All" or (mode == "Same" and namespace == gateway.namespace)
