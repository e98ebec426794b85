"""BB806: a node is short of memory, disk or process ids."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import alive, node_of, pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip, some

PRESSURE = {"MemoryPressure": "memory", "DiskPressure": "disk", "PIDPressure": "process ids"}


@rule(
    "BB806",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NODE},
    optional={res.POD, res.REPLICA_SET},
    message="node {node} is short of {what} ({text}); it runs {pods}{evicted}",
    explains={"BB152", "BB306", "BB308", "BB511", "BB512", "BB801", "BB803", "BB805"},
)
def node_under_pressure(mesh: Mesh) -> Iterator[Evidence]:
    """A node is short of memory, disk or process ids (conditions MemoryPressure, DiskPressure, PIDPressure).

    ## Why it matters
    The kubelet evicts pods, proxies and all, and the scheduler sends none there.

    ## What to do
    Find what uses it up (`kubectl describe node`, `kubectl top pods`); give workloads and proxies requests that fit.
    """
    on_node: dict[str, list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        on_node[node_of(pod)].append(pod)
    for node in mesh.kube.list(res.NODE):
        for number, condition in enumerate(node.conditions()):
            what = PRESSURE.get(as_text(condition.get("type")))
            if what is None or condition.get("status") != "True":
                continue
            evicted = [pod for pod in on_node[node.name] if pod.status.get("reason") == "Evicted"]
            living = [pod for pod in on_node[node.name] if alive(pod)]
            text = as_text(condition.get("message")) or as_text(condition.get("reason"))
            yield Evidence(
                ref(node),
                {
                    "node": node.name,
                    "what": what,
                    "text": clip(text, 200),
                    "pods": some(len(living), "pod"),
                    "evicted": f", {some(len(evicted), 'pod')} evicted" if evicted else "",
                },
                objects=(*(ref(pod) for pod in living[:50]), *dict.fromkeys(workload(mesh, pod) for pod in evicted)),
                proofs=(
                    Proof(node.at(f"/status/conditions/{number}"), text),
                    *(Proof(pod.at("/status/message"), as_text(pod.status.get("message"))) for pod in evicted[:1]),
                ),
                affects=tuple(pod_id(pod) for pod in evicted),
            )
