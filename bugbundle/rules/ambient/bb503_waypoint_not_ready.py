"""BB503: a waypoint that is in use is not programmed, or has no ready pod."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import NAME, Binding, ambient_pods, service_bindings, waypoint, waypoint_pods
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import pod_id, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB503",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.SERVICE, res.K8S_GATEWAY},
    optional={res.SERVICE_ENTRY, res.POD, res.REPLICA_SET, res.DEPLOYMENT},
    message="waypoint {name}, used by {users}, is not ready: {problem}",
    explains={"BB302", "BB306", "BB506", "BB557", "BB704", "BB709", "BB750", "IST0171"},
)
def waypoint_not_ready(mesh: Mesh) -> Iterator[Evidence]:
    """A waypoint that is in use is not programmed, or has no ready pod.

    ## Why it matters
    Without an address istiod does not bind it (traffic goes past it, without L7); with one and no ready pod,
    ztunnel sends traffic to a waypoint that does not answer.

    ## What to do
    Look at the Gateway's conditions and at the waypoint's pods (`istioctl waypoint status`, `kubectl describe
    pod`).
    """
    users: dict[tuple[str, str], list[Binding]] = defaultdict(list)
    for found in service_bindings(mesh):
        users[found.waypoint].append(found)
    for key, bindings in users.items():
        gateway = waypoint(mesh, key)
        problem = trouble(mesh, gateway) if gateway is not None else None
        if gateway is None or problem is None:
            continue
        pods = [pod for name in {found.target.namespace for found in bindings} for pod in ambient_pods(mesh, name)]
        yield Evidence(
            ref(gateway),
            {"name": name_of(gateway), "problem": problem[0], "users": some(len(bindings), "Service")},
            objects=(
                *(ref(found.target) for found in bindings[:50]),
                *dict.fromkeys(ref(found.holder) for found in bindings),
                *(ref(pod) for pod in waypoint_pods(mesh, gateway)),
                *makers(mesh, gateway),
            ),
            proofs=(problem[1],),
            affects=tuple(pod_id(pod) for pod in pods),
        )


def makers(mesh: Mesh, gateway: KubeObject) -> Iterator[Ref]:
    """The workloads that make the waypoint's pods, also where there are none."""
    pods = waypoint_pods(mesh, gateway)
    yield from dict.fromkeys(workload(mesh, pod) for pod in pods)
    for item in mesh.kube.list(res.DEPLOYMENT) if not pods else ():
        if item.namespace == gateway.namespace and item.labels.get(NAME) == gateway.name:
            yield ref(item)


def trouble(mesh: Mesh, gateway: KubeObject) -> tuple[str, Proof] | None:
    """What is wrong with a waypoint, and where that stands."""
    if mesh.now and gateway.created and mesh.now - gateway.created < timedelta(seconds=60):
        return None
    for number, condition in enumerate(gateway.conditions()):
        if condition.get("type") == "Programmed" and condition.get("status") != "True":
            text = f"{as_text(condition.get('reason'))}: {as_text(condition.get('message'))}"
            return text, Proof(gateway.at(f"/status/conditions/{number}"), text)
    if not mesh.kube.recorded(res.POD):
        return None
    pods = waypoint_pods(mesh, gateway)
    if any(map(ready, pods)):
        return None
    text = "none of its pods is ready" if pods else "it has no pods"
    return text, Proof(pods[0].at("/status") if pods else gateway.at("/status"), text)
