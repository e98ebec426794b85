"""BB717: workloads outside of the mesh cannot call those that demand mTLS."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.rules.lib import resources as res
from bugbundle.rules.lib.index import alive, meshed
from bugbundle.rules.lib.istioctl import SYSTEM_NAMESPACES, name_of
from bugbundle.rules.lib.meshconfig import root_namespace
from bugbundle.rules.lib.mtls import Demands
from bugbundle.rules.lib.words import some
from bugbundle.rules.model import Evidence, Level, Proof, Ref, ref, rule


@rule(
    "BB717",
    per=Mesh,
    level=Level.INFO,
    reads={res.PEER_AUTHENTICATION, res.POD},
    optional={res.CONFIG_MAP},
    message=(
        "PeerAuthentication {policy} demands mTLS in {namespaces}; {pods} outside of the mesh"
        " ({first}, …) cannot call there"
    ),
    diagnosis=False,
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
    for policy, namespaces in strict.items() if outside else ():
        item = mesh.kube.get(res.PEER_AUTHENTICATION, policy.namespace, policy.name)
        yield Evidence(
            policy,
            {
                "policy": f"{policy.namespace}/{policy.name}",
                "namespaces": ", ".join(sorted(namespaces)[:5]),
                "pods": some(len(outside), "pod"),
                "first": name_of(outside[0]),
            },
            proofs=(Proof(item.at("/spec/mtls"), "mode: STRICT"),) if item else (),
        )


def ordinary(pod: KubeObject, root: str) -> bool:
    """Neither of Kubernetes nor of Istio itself."""
    return pod.namespace not in SYSTEM_NAMESPACES and pod.namespace != root
