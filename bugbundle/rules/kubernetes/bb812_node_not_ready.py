"""BB812: a node is not ready."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import alive, node_of, pod_id
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip, some


@rule(
    "BB812",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NODE},
    optional={res.POD},
    message="node {node} is not ready ({text}); it runs {pods}",
    explains={"BB101", "BB151", "BB203", "BB306", "BB511", "BB512", "BB553", "BB704", "BB805"},
)
def node_not_ready(mesh: Mesh) -> Iterator[Evidence]:
    """A node is not ready.

    ## Why it matters
    Its pods are unreachable or are being moved away.

    ## What to do
    Look at the node's conditions, its kubelet and its network.
    """
    on_node: dict[str, list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        on_node[node_of(pod)].append(pod)
    for node in mesh.kube.list(res.NODE):
        for number, condition in enumerate(node.conditions()):
            if condition.get("type") != "Ready" or condition.get("status") == "True":
                continue
            pods = [pod for pod in on_node[node.name] if alive(pod)]
            text = as_text(condition.get("message")) or as_text(condition.get("reason"))
            yield Evidence(
                ref(node),
                {"node": node.name, "pods": some(len(pods), "pod"), "text": clip(text, 200)},
                objects=tuple(ref(pod) for pod in pods[:50]),
                proofs=(Proof(node.at(f"/status/conditions/{number}"), text),),
                affects=tuple(pod_id(pod) for pod in pods),
            )
