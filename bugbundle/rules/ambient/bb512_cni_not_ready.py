"""BB512: istio-cni is not ready on a node."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import alive, index, node_of, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB512",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message=("istio-cni is not ready on node {node} (Pod {pod}): pods that start there are not set up for the mesh"),
    explains={"BB509", "BB513", "BB514", "BB551", "BB557", "BB613", "BB801"},
)
def cni_not_ready(mesh: Mesh) -> Iterator[Evidence]:
    """istio-cni is not ready on a node.

    ## Why it matters
    Pods that start on that node are not redirected: without sidecar traffic in the mesh, not captured by
    ambient, or they do not start at all.

    ## What to do
    Look at the log of the node's istio-cni pod; on platforms with their own CNI directory set
    `global.platform`.
    """
    for pod in index(mesh).select({"k8s-app": "istio-cni-node"}):
        if ready(pod) or not alive(pod) or young(pod, mesh.now):
            continue
        node = node_of(pod)
        yield Evidence(
            ref(pod),
            {"node": node or "(none)", "pod": name_of(pod)},
            objects=(Ref("Node", "", node), *((workload(mesh, pod),))),
            proofs=(Proof(pod.at("/status"), "not ready"),),
            affects=(f"node {node}",),
        )


def young(pod: KubeObject, now: datetime | None) -> bool:
    """Whether a pod was made only just before the capture."""
    return bool(now and pod.created and now - pod.created < timedelta(seconds=60))
