"""BB606: a workload opts out of injection in a namespace that injects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import INJECT, wish
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.injection.uninjected import plain_pods
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB606",
    per=Mesh,
    level=Level.INFO,
    reads={res.NAMESPACE, res.POD},
    optional={res.REPLICA_SET},
    message="{owner} stays without sidecar ({how}) in namespace {space}, which injects",
    diagnosis=False,
)
def pod_opted_out(mesh: Mesh) -> Iterator[Evidence]:
    """A workload opts out of injection in a namespace that injects, or uses the node's network (no sidecar there).

    ## Why it matters
    It is outside of the mesh on purpose; worth knowing when calls to or from it fail.

    ## What to do
    Nothing, where it is meant. Else remove `sidecar.istio.io/inject=false`, or `hostNetwork`, from the pod
    template.
    """
    groups: dict[tuple[Ref, str], list[KubeObject]] = defaultdict(list)
    spaces: dict[Ref, KubeObject] = {}
    for pod, space in plain_pods(mesh):
        how = reason(pod)
        if how and not pod.labels.get("gateway.istio.io/managed"):
            owner = workload(mesh, pod)
            groups[owner, how].append(pod)
            spaces[owner] = space
    for (owner, how), pods in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "space": spaces[owner].name, "how": how},
            objects=(ref(spaces[owner]), *(ref(pod) for pod in pods[:20])),
            proofs=(Proof(pods[0].at("/metadata"), how),),
            affects=tuple(pod_id(pod) for pod in pods),
        )


def reason(pod: KubeObject) -> str:
    """Why a pod gets no sidecar by its own template; empty where nothing there says so."""
    if wish(pod.labels, pod.annotations) == "false":
        return f"{INJECT}=false"
    return "hostNetwork" if pod.spec.get("hostNetwork") is True else ""
