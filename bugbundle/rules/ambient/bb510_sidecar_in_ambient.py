"""BB510: a pod has a sidecar and is labelled for ambient as well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import wants_ambient
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, index, pod_id, proxied, pure_proxy
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB510",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD},
    optional={res.REPLICA_SET},
    message="{pods} of {owner} with a sidecar and labelled for ambient: the sidecar wins",
    diagnosis=False,
)
def sidecar_in_ambient(mesh: Mesh) -> Iterator[Evidence]:
    """A pod has a sidecar and is labelled for ambient as well.

    ## Why it matters
    The sidecar wins: the pod is not captured by ztunnel. The labels say two things.

    ## What to do
    Take one of the two labels away, and restart the pod.
    """
    groups: dict[Ref, list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        space = index(mesh).labels_of(pod.namespace)
        if proxied(pod) and not pure_proxy(pod) and alive(pod) and wants_ambient(pod, space):
            groups[workload(mesh, pod)].append(pod)
    for owner, pods in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "pods": some(len(pods), "pod")},
            objects=(Ref("Namespace", "", pods[0].namespace), *(ref(pod) for pod in pods[:20])),
            proofs=(Proof(pods[0].at("/spec"), "istio-proxy, and istio.io/dataplane-mode=ambient"),),
            affects=tuple(pod_id(pod) for pod in pods),
        )
