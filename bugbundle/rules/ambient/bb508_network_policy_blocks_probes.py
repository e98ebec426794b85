"""BB508: a NetworkPolicy keeps the kubelet's probes from ambient pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hbone import probe_allowed, probe_ports
from bugbundle.mesh.config.network_policies import Policies
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, captured, pod_id, ready
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB508",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NETWORK_POLICY, res.POD},
    message="NetworkPolicy {policy} lets no probes from 169.254.7.127 to {pods}{failing}",
    explains={"BB704", "BB805"},
)
def network_policy_blocks_probes(mesh: Mesh) -> Iterator[Evidence]:
    """A NetworkPolicy keeps the kubelet's probes from ambient pods.

    ## Why it matters
    In ambient the kubelet's probes arrive from 169.254.7.127: a policy with an explicit list of peers drops
    them, and the pod never becomes ready.

    ## What to do
    Add the ipBlock 169.254.7.127/32 (IPv6: fd16:9254:7127:1337:ffff:ffff:ffff:ffff/128) to the policy's
    ingress peers.
    """
    policies = Policies(mesh)
    groups: dict[Ref, list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        ports = probe_ports(pod) if captured(pod) and alive(pod) else []
        found = policies.of(pod, "Ingress") if ports else []
        closed = [port for port in ports if not probe_allowed(found, port)] if found else []
        if closed:
            groups[ref(found[0])].append(pod)
    for name, pods in groups.items():
        failing = [pod for pod in pods if not ready(pod)]
        yield Evidence(
            name,
            {
                "policy": f"{name.namespace}/{name.name}",
                "pods": some(len(pods), "ambient pod"),
                "failing": f"; {len(failing)} of them are not ready"
                if failing
                else "; all of them are ready, so something else lets them through",
            },
            objects=tuple(ref(pod) for pod in pods[:50]),
            proofs=(Proof(pods[0].at("/spec/containers"), f"{pods[0]}: probes on a port closed to 169.254.7.127"),),
            affects=tuple(pod_id(pod) for pod in failing),
            level=Level.ERROR if failing else Level.INFO,
            confidence=Confidence.LIKELY,
        )
