"""BB502: a Service uses a waypoint that is not for Services (or a workload one that is not for…."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import (
    Binding,
    ambient_pods,
    asked,
    bound_condition,
    serves,
    service_bindings,
    waypoint,
)
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.workloads.index import alive, pod_id
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB502",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.SERVICE, res.K8S_GATEWAY},
    optional={res.SERVICE_ENTRY, res.POD, res.GATEWAY_CLASS},
    message=("{target} uses waypoint {name}, which is for {kind} only (istio.io/waypoint-for): it is not bound"),
    explains={"BB506", "IST0171"},
)
def waypoint_type_mismatch(mesh: Mesh) -> Iterator[Evidence]:
    """A Service uses a waypoint that is not for Services (or a workload one that is not for workloads).

    ## Why it matters
    istiod does not bind them: traffic goes past the waypoint, without L7.

    ## What to do
    Set `istio.io/waypoint-for` on the Gateway to `service` or `all` (for labelled pods: `workload` or `all`),
    or use another waypoint.
    """
    for found in service_bindings(mesh):
        gateway = waypoint(mesh, found.waypoint)
        kind = serves(mesh, gateway) if gateway else "all"
        if kind in ("service", "all") or gateway is None:
            continue
        yield told(mesh, found, gateway, kind, Level.ERROR if found.own else Level.WARNING)
    for pod in mesh.kube.list(res.POD):
        key = asked(pod.labels, pod.namespace)
        gateway = waypoint(mesh, key) if key and alive(pod) else None
        kind = serves(mesh, gateway) if gateway else "all"
        if key and gateway is not None and kind not in ("workload", "all"):
            yield told(mesh, Binding(pod, pod, key), gateway, kind, Level.ERROR)


def told(mesh: Mesh, found: Binding, gateway: KubeObject, kind: str, level: Level) -> Evidence:
    """The finding on one binding."""
    condition = bound_condition(found.target)
    space = found.target.namespace
    return Evidence(
        ref(found.target),
        {
            "target": str(found.target),
            "name": name_of(gateway),
            "kind": {"workload": "workloads", "service": "Services"}.get(kind, kind),
        },
        objects=(ref(gateway), ref(found.holder)),
        proofs=(
            Proof(found.holder.at("/metadata/labels"), f"istio.io/use-waypoint={found.waypoint[1]}"),
            Proof(gateway.at("/metadata/labels"), f"istio.io/waypoint-for={kind}"),
            *((Proof(found.target.at(condition[0]), as_text(condition[1].get("message"))),) if condition else ()),
        ),
        affects=tuple(pod_id(pod) for pod in ambient_pods(mesh, space)),
        level=level,
    )
