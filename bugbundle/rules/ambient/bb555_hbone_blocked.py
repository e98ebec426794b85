"""HBONE that does not get through."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh.config.ztunnels import destination, lines
from bugbundle.mesh.kinds import NETWORK_POLICY
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.signals.access import Fault, faults
from bugbundle.mesh.signals.logs import Line
from bugbundle.mesh.workloads.index import alive, index
from bugbundle.rules.model import Confidence, Evidence, Level, rule

CONNECT_FLAGS = {"UF", "URX"}


@rule(
    "BB555",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG},
    optional={"pods", "services", "configmaps", "networkpolicies.networking.k8s.io"},
    explains={"BB750"},
    message="connections through HBONE (port 15008) to {target} fail: {count} in the last 10 minutes, seen by {seen}",
)
def hbone_blocked(mesh: Mesh) -> Iterator[Evidence]:
    """ztunnel's log says that a connection to port 15008 timed out, or a waypoint's access log has UF for
    `connect_originate` to POD:15008.

    ## Why it matters
    Traffic between pods of ambient goes through port 15008: a firewall or a NetworkPolicy that was written before
    ambient, and does not allow it, stops all of it.

    ## What to do
    Allow TCP 15008 to the pods in the NetworkPolicies that select them (also CiliumNetworkPolicy, and the egress of the
    clients), and in security groups between nodes.
    """
    seen: dict[tuple[Ref, ...], list[tuple[str, Line | Fault]]] = {}
    for ztunnel in mesh.ztunnels:
        for line in lines(ztunnel, "hbone_blocked"):
            seen.setdefault(destination(line), []).append((ztunnel.id, line))
    for fault in faults(mesh):
        host, _, port = fault.upstream_host.rpartition(":")
        tunnel = "connect_originate" in fault.upstream_host + fault.cluster or port == "15008"
        if fault.recent and tunnel and CONNECT_FLAGS & set(fault.flags):
            seen.setdefault(_pod_at(mesh, host.rpartition("/")[2]), []).append((fault.proxy.id, fault))
    for target, members in seen.items():
        last = members[-1][1]
        policies = [one for pod in target for one in _policies(mesh, pod)]
        affected = dict.fromkeys(name for name, _ in members)
        origin = target[0] if target else Ref("Pod", *reversed(members[0][0].split(".", 1)))
        yield Evidence(
            origin=origin,
            values={
                "target": str(target[0]) if target else "a peer",
                "count": sum(one.count if isinstance(one, Fault) else 1 for _, one in members),
                "seen": ", ".join(list(affected)[:3]),
            },
            objects=(*target, *policies),
            proofs=(Proof(last.pointer, last.text),),
            affects=tuple(f"{one.name}.{one.namespace}" for one in target if one.kind == "Pod"),
            confidence=Confidence.CERTAIN if policies else Confidence.LIKELY,
            at=last.at,
        )


def _pod_at(mesh: Mesh, address: str) -> tuple[Ref, ...]:
    """The pod that has an address now, and its Services: finished pods keep theirs, and some share their node's."""
    for pod in mesh.pods.values():
        own = alive(pod) and pod.spec.get("hostNetwork") is not True
        if address and own and pod.status.get("podIP") == address:
            return (ref(pod), *(ref(service) for service in index(mesh).services_of(pod)))
    return ()


def _policies(mesh: Mesh, target: Ref) -> Iterator[Ref]:
    """The NetworkPolicies that select a pod."""
    pod = mesh.pods.get((target.namespace, target.name)) if target.kind == "Pod" else None
    labels = texts(pod.metadata.get("labels")) if pod else {}
    for item in mesh.kube.list(NETWORK_POLICY) if pod else ():
        if item.namespace == target.namespace and matches(as_dict(item.spec.get("podSelector")), labels, absent=True):
            yield ref(item)
