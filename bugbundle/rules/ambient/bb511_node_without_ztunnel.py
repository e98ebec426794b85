"""BB511: a node runs ambient pods, and no ready ztunnel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, captured, index, node_of, pod_id, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Blind, Evidence, Level, rule
from bugbundle.words import some

BESIDE = (("app", "istiod"), ("k8s-app", "istio-cni-node"))
"""Pods that are recorded together with ztunnel."""


@rule(
    "BB511",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET, "daemonsets.apps"},
    message=("node {node} has {pods} and no ready ztunnel ({state}): their traffic and their name look-ups fail"),
    explains={
        "BB302",
        "BB509",
        "BB513",
        "BB514",
        "BB551",
        "BB553",
        "BB555",
        "BB557",
        "BB704",
        "BB750",
        "BB801",
        "BB805",
    },
)
def node_without_ztunnel(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """A node runs ambient pods, and no ready ztunnel.

    ## Why it matters
    All traffic of its ambient pods is redirected to a ztunnel that is not there: connections and name
    look-ups fail (curl exit 6 and 7).

    ## What to do
    Look at the ztunnel pod of that node (`kubectl -n istio-system describe pod`, its log); it is a DaemonSet
    pod: check taints, resources and image.
    """
    on_node: dict[str, list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        if captured(pod) and alive(pod):
            on_node[node_of(pod)].append(pod)
    tunnels: dict[str, list[KubeObject]] = defaultdict(list)
    for pod in index(mesh).select({"app": "ztunnel"}):
        tunnels[node_of(pod)].append(pod)
    every = [pod for group in tunnels.values() for pod in group][:1]
    if on_node and not every and not any(index(mesh).select({key: name}) for key, name in BESIDE):
        yield Blind("mesh", ("no pod of the control plane is among the recorded ones, so ztunnel may be there too",))
        return
    sets = [ref(one) for one in mesh.kube.list("daemonsets.apps") if one.labels.get("app") == "ztunnel"]
    sets = sets or [ref(one) for one in mesh.kube.list("daemonsets.apps") if one.name == "ztunnel"]
    for node, pods in on_node.items():
        if any(ready(pod) and alive(pod) for pod in tunnels[node]):
            continue
        state = f"{tunnels[node][0].name} is not ready" if tunnels[node] else "none is there"
        first = tunnels[node][0] if tunnels[node] else None
        yield Evidence(
            ref(first) if first else Ref("Node", "", node),
            {"node": node, "pods": some(len(pods), "ambient pod"), "state": state},
            objects=(
                Ref("Node", "", node),
                *(ref(pod) for pod in pods[:50]),
                *dict.fromkeys([*(workload(mesh, pod) for pod in tunnels[node] or every), *sets]),
            ),
            proofs=(
                *((Proof(first.at("/status"), f"{first}: not ready"),) if first else ()),
                Proof(pods[0].at("/metadata/annotations"), f"{pods[0]}: captured, on node {node}"),
            ),
            affects=tuple(pod_id(pod) for pod in pods),
        )
