"""BB803: a pod finds no node."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip, some


@rule(
    "BB803",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="no node for {pods} of {owner}: {text}",
    explains={"BB101", "BB151", "BB302", "BB503", "BB511", "BB512", "BB704"},
)
def unschedulable(mesh: Mesh) -> Iterator[Evidence]:
    """A pod finds no node.

    ## Why it matters
    It never starts; the workload has fewer pods than it should.

    ## What to do
    Read the scheduler's reason: resources, taints, affinity, volumes.
    """
    groups: dict[Ref, list[tuple[KubeObject, str]]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        for condition in pod.conditions() if alive(pod) else ():
            if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
                groups[workload(mesh, pod)].append((pod, as_text(condition.get("message"))))
    for owner, pods in groups.items():
        first, text = pods[0]
        yield Evidence(
            owner,
            {"owner": str(owner), "pods": some(len(pods), "pod"), "text": clip(text, 200)},
            objects=tuple(ref(pod) for pod, _ in pods[:20]),
            proofs=(Proof(first.at("/status/conditions"), clip(text)),),
            affects=tuple(pod_id(pod) for pod, _ in pods),
        )
