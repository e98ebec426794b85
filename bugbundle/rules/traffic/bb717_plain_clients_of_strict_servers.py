"""BB717: workloads outside of the mesh cannot call those that demand mTLS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.config.mtls import Demands
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import alive, index, meshed, pod_id
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

FEWEST = 5
"""Connections turned away; fewer may have been somebody's test."""


@rule(
    "BB717",
    per=Mesh,
    level=Level.INFO,
    reads={res.PEER_AUTHENTICATION, res.POD},
    message=(
        "PeerAuthentication {policy} demands mTLS in {namespaces}; {pods} outside of the mesh"
        " ({first}, …) cannot call there{seen}"
    ),
    optional={res.CONFIG_MAP, Source.LOG},
    explains={"BB750"},
)
def plain_clients_of_strict_servers(mesh: Mesh) -> Iterator[Evidence]:
    """Workloads outside of the mesh cannot call those that demand mTLS.

    ## Why it matters
    A STRICT server resets plain connections. Pods without sidecar and ambient are listed here so that nobody
    looks for another reason.

    ## What to do
    Nothing, where it is meant. Else bring the clients into the mesh, or make the server PERMISSIVE for its
    port.
    """
    demands = Demands(mesh)
    strict: dict[Ref, set[str]] = defaultdict(set)
    for pod in mesh.kube.list(res.POD):
        demand = demands.of(pod)
        if demand.mode == "STRICT" and demand.policy is not None and meshed(pod):
            strict[ref(demand.policy)].add(pod.namespace)
    outside = [
        pod
        for pod in mesh.kube.list(res.POD)
        if alive(pod) and not meshed(pod) and not pod.spec.get("hostNetwork") and ordinary(pod, root_namespace(mesh))
    ]
    turned = _turned_away(mesh, outside, strict)
    for policy, namespaces in strict.items() if outside else ():
        found = turned.get(policy, [])
        told = times([fault for fault, _ in found])
        first = found[0][1] if found else outside[0]
        seen = f": {some(told, 'connection')} of {name_of(first)} refused by {found[0][0].proxy.id}" if found else ""
        item = mesh.kube.get(res.PEER_AUTHENTICATION, policy.namespace, policy.name)
        yield Evidence(
            policy,
            {
                "policy": f"{policy.namespace}/{policy.name}",
                "namespaces": ", ".join(sorted(namespaces)[:5]),
                "pods": some(len(outside), "pod"),
                "first": name_of(first),
                "seen": seen,
            },
            objects=tuple(dict.fromkeys(one for fault, _ in found for one in _targets(mesh, fault))),
            proofs=(
                *((Proof(item.at("/spec/mtls"), "mode: STRICT"),) if item else ()),
                *(proof(fault) for fault, _ in found[-2:]),
            ),
            level=Level.WARNING if told >= FEWEST else Level.INFO,
            affects=tuple(dict.fromkeys(pod_id(pod) for _, pod in found)),
        )


def ordinary(pod: KubeObject, root: str) -> bool:
    """Neither of Kubernetes nor of Istio itself."""
    return pod.namespace not in SYSTEM_NAMESPACES and pod.namespace != root


def _turned_away(
    mesh: Mesh, outside: list[KubeObject], strict: dict[Ref, set[str]]
) -> dict[Ref, list[tuple[Fault, KubeObject]]]:
    """policy → (failure, client): plain connections of such pods that a server's proxy found no filter chain for."""
    clients = {as_text(pod.status.get("podIP")): pod for pod in outside}
    demands = Demands(mesh)
    found: dict[Ref, list[tuple[Fault, KubeObject]]] = defaultdict(list)
    for fault in failures(mesh).flagged(("NR",)):
        client = clients.get(fault.remote.rpartition(":")[0].strip("[]"))
        if client is None or not fault.recent or not fault.inbound or fault.proxy.pod is None:
            continue
        policy = demands.of(fault.proxy.pod).policy
        if policy is not None and ref(policy) in strict:
            found[ref(policy)].append((fault, client))
    return found


def _targets(mesh: Mesh, fault: Fault) -> list[Ref]:
    """The Services of the pod that was called, and the pod."""
    pod = fault.proxy.pod
    return [*(ref(one) for one in index(mesh).services_of(pod)), ref(pod)] if pod else []
