"""A client of the mesh that sends plain text to a server which takes mTLS only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import mesh_config, mesh_config_map, root_namespace
from bugbundle.mesh.config.mtls import Demands
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, proof, times
from bugbundle.mesh.workloads.index import index, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, Op, Patch, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of

FEWEST = 3


@rule(
    "BB735",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, res.POD, res.PEER_AUTHENTICATION},
    optional={res.CONFIG_MAP, res.SERVICE, res.REPLICA_SET},
    explains={"BB304", "BB750"},
    message=(
        "{client} sends plain text to {server}, which takes mTLS only (PeerAuthentication {policy} STRICT), because"
        " {reason}: {count} connections refused"
    ),
)
def plain_text_to_strict_server(mesh: Mesh) -> Iterator[Evidence]:
    """A workload with a sidecar sends plain text to a STRICT server, because the mesh's own mTLS is switched off.

    With a mesh-wide PeerAuthentication of mode DISABLE, or `enableAutoMtls: false`, Istio does not set up mTLS in its
    clients, whatever a single server demands. The server's proxy then finds no filter chain
    (`NR filter_chain_not_found`), and the client logs 503 UC.

    ## Why it matters
    No request of the mesh gets through to that server.

    ## What to do
    Set the mesh-wide PeerAuthentication to PERMISSIVE in place of DISABLE: clients then use mTLS by themselves where
    the server can. Or drop STRICT at the server, if the mesh is meant to be plain.
    """
    reason, guilty = _switched_off(mesh)
    if not guilty:
        return
    clients = {
        as_text(one.get("ip")): pod for pod in mesh.kube.list(res.POD) for one in dicts(pod.status.get("podIPs"))
    }
    demands = Demands(mesh)
    groups: dict[tuple[Ref, Ref], list[tuple[Fault, KubeObject]]] = defaultdict(list)
    for fault in failures(mesh).flagged(("NR",)):
        pod, client = fault.proxy.pod, clients.get(fault.remote.rpartition(":")[0].strip("[]"))
        lost = fault.inbound and fault.details == "filter_chain_not_found" and pod is not None
        if not lost or pod is None or client is None or not proxied(client):
            continue
        demand = demands.of(pod)
        policy = demand.workload_policy or demand.policy
        if policy is not None and symptom_of(mesh, fault).state is State.NOW:
            groups[ref(policy), workload(mesh, pod)].append((fault, client))
    for (policy_ref, server), found in groups.items():
        faults = [fault for fault, _ in found]
        if times(faults) >= FEWEST:
            yield _evidence(mesh, guilty, reason, policy_ref, server, found)


def _evidence(
    mesh: Mesh, guilty: KubeObject, reason: str, policy: Ref, server: Ref, found: list[tuple[Fault, KubeObject]]
) -> Evidence:
    faults = [fault for fault, _ in found]
    clients = {pod_id(pod): pod for _, pod in found}
    pods = [fault.proxy.pod for fault in faults if fault.proxy.pod is not None]
    services = dict.fromkeys(ref(one) for pod in pods for one in index(mesh).services_of(pod))
    theirs = [
        one
        for one in failures(mesh).flagged(("UC", "UF", "URX"))
        if one.proxy.id in clients and (service := called(mesh, one)) is not None and ref(service) in services
    ]
    strict = mesh.kube.get(res.PEER_AUTHENTICATION, policy.namespace, policy.name)
    return Evidence(
        ref(guilty),
        {
            "client": next(iter(clients)) if len(clients) == 1 else f"{len(clients)} pods",
            "server": f"{server.namespace}/{server.name}",
            "policy": f"{policy.namespace}/{policy.name}",
            "reason": reason,
            "count": times(faults),
        },
        objects=(policy, server, *services, *dict.fromkeys(ref(fault.proxy) for fault in (*faults, *theirs))),
        proofs=(
            Proof(guilty.at("/spec/mtls" if guilty.kind == "PeerAuthentication" else "/data/mesh"), reason),
            *((Proof(strict.at("/spec"), "STRICT"),) if strict else ()),
            *(proof(fault) for fault in (*faults[-1:], *theirs[-1:])),
        ),
        affects=tuple(clients),
        confidence=Confidence.CERTAIN if theirs else Confidence.LIKELY,
        at=faults[-1].at,
        patch=Patch(ref(guilty), res.PEER_AUTHENTICATION, (Op("replace", "/spec/mtls/mode", "PERMISSIVE"),))
        if guilty.kind == "PeerAuthentication"
        else None,
    )


def _switched_off(mesh: Mesh) -> tuple[str, KubeObject | None]:
    """(why clients of the mesh send plain text, the object that makes them)."""
    root = root_namespace(mesh)
    for policy in mesh.kube.list(res.PEER_AUTHENTICATION):
        mode = as_text(as_dict(policy.spec.get("mtls")).get("mode"))
        if policy.namespace == root and not workload_selector(policy.spec) and mode == "DISABLE":
            return f"the mesh-wide PeerAuthentication {root}/{policy.name} has mode DISABLE", policy
    if mesh_config(mesh).get("enableAutoMtls") is False:
        return "meshConfig.enableAutoMtls is false", mesh_config_map(mesh)
    return "", None
