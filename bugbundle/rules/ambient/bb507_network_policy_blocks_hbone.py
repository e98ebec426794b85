"""BB507: a NetworkPolicy lets application ports through to ambient pods, but not HBONE's 15008."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hbone import blocking, takes_hbone
from bugbundle.mesh.config.network_policies import Policies
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import alive, index, pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB507",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NETWORK_POLICY, res.POD},
    optional={res.NAMESPACE, res.SERVICE, res.REPLICA_SET},
    message=(
        "NetworkPolicy {policy} lets no HBONE (TCP 15008) {side} {pods} ({first}, …), though it allows other ports"
    ),
    explains={"BB302", "BB508", "BB555", "BB557", "BB750"},
)
def network_policy_blocks_hbone(mesh: Mesh) -> Iterator[Evidence]:
    """A NetworkPolicy lets application ports through to ambient pods, but not HBONE's 15008.

    ## Why it matters
    Between ambient workloads all traffic arrives on TCP 15008: it is dropped, callers see timeouts. A
    waypoint's access log shows UF,URX for POD:15008.

    ## What to do
    Add port 15008/TCP beside the application's ports, for the same peers.
    """
    known, policies = index(mesh), Policies(mesh)
    groups: dict[tuple[Ref, str], list[KubeObject]] = defaultdict(list)
    shown: dict[Ref, KubeObject] = {}
    for pod in mesh.kube.list(res.POD):
        if not alive(pod) or not takes_hbone(pod):
            continue
        for direction in ("Ingress", "Egress"):
            policy = blocking(known, policies, pod, direction)
            if policy is not None:
                groups[ref(policy), direction].append(pod)
                shown[ref(policy)] = policy
    for (name, direction), pods in groups.items():
        side = "to" if direction == "Ingress" else "from"
        yield Evidence(
            name,
            {
                "policy": f"{name.namespace}/{name.name}",
                "side": side,
                "pods": some(len(pods), "ambient pod"),
                "first": name_of(pods[0]),
            },
            objects=(
                *(ref(pod) for pod in pods[:50]),
                *dict.fromkeys(workload(mesh, pod) for pod in pods),
                *services(mesh, pods),
            ),
            proofs=(Proof(shown[name].at(f"/spec/{direction.lower()}"), "ports without 15008"),),
            affects=tuple(pod_id(pod) for pod in pods),
            confidence=Confidence.CERTAIN if direction == "Ingress" else Confidence.LIKELY,
        )


def services(mesh: Mesh, pods: list[KubeObject]) -> list[Ref]:
    """The Services in front of these pods."""
    return list(dict.fromkeys(ref(service) for pod in pods[:50] for service in index(mesh).services_of(pod)))
