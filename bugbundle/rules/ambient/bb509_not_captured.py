"""BB509: a pod is labelled for ambient, and ztunnel has not captured it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import wants_ambient
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, captured, index, node_of, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB509",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD},
    optional={res.REPLICA_SET},
    message=(
        "{pods} of {owner} labelled for ambient and not captured (annotation ambient.istio.io/redirection {state})"
    ),
)
def not_captured(mesh: Mesh) -> Iterator[Evidence]:
    """A pod is labelled for ambient, and ztunnel has not captured it.

    ## Why it matters
    Its traffic is plain text outside of the mesh; STRICT servers refuse it.

    ## What to do
    Look at istio-cni on its node (logs, readiness); delete the pod so that it is set up anew. istio-cni takes in
    running pods too: one that stays out was refused, or no istio-cni serves the node.
    """
    groups: dict[tuple[Ref, str], list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        space = index(mesh).labels_of(pod.namespace)
        if not wants_ambient(pod, space) or captured(pod) or proxied(pod) or pod.spec.get("hostNetwork") is True:
            continue
        if pod.status.get("phase") != "Running" or not alive(pod) or young(pod, mesh.now):
            continue
        groups[workload(mesh, pod), pod.annotations.get("ambient.istio.io/redirection", "absent")].append(pod)
    for (owner, state), pods in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "pods": some(len(pods), "pod"), "state": state},
            objects=(
                Ref("Namespace", "", pods[0].namespace),
                *(ref(pod) for pod in pods[:20]),
                *dict.fromkeys(Ref("Node", "", node_of(pod)) for pod in pods if node_of(pod)),
            ),
            proofs=(Proof(pods[0].at("/metadata/annotations"), f"ambient.istio.io/redirection: {state}"),),
            affects=tuple(pod_id(pod) for pod in pods),
        )


def young(pod: KubeObject, now: datetime | None) -> bool:
    """Whether a pod was made only just before the capture."""
    return bool(now and pod.created and now - pod.created < timedelta(seconds=60))
