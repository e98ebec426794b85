"""BB618: a namespace of the mesh lacks the ConfigMap with the mesh's root."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, index, pod_id, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

ROOT = "istio-ca-root-cert"


@rule(
    "BB618",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD, res.CONFIG_MAP},
    optional={res.REPLICA_SET},
    message="namespace {name} has no ConfigMap istio-ca-root-cert, which {pods} there mount ({waiting} not ready)",
    explains={"BB203", "BB306", "BB410", "BB704", "BB805"},
)
def root_certificate_missing(mesh: Mesh) -> Iterator[Evidence]:
    """A namespace of the mesh lacks the ConfigMap with the mesh's root.

    ## Why it matters
    A new pod with a sidecar stays in ContainerCreating («configmap "istio-ca-root-cert" not found»); one that runs does
    not hear of a new root.

    ## What to do
    istiod writes it into every namespace it looks at: see whether `discoverySelectors` leave the namespace out, whether
    istiod may write ConfigMaps, whether its leader runs, and what deletes it.
    """
    known = index(mesh)
    there = {item.namespace for item in mesh.kube.list(res.CONFIG_MAP) if item.name == ROOT}
    for name, pods in known.pods_in.items():
        using = [pod for pod in pods if alive(pod) and mounts(pod)]
        if not using or name in there or not known.covers(res.CONFIG_MAP, name):
            continue
        waiting = [pod for pod in using if not ready(pod)]
        yield Evidence(
            Ref("Namespace", "", name),
            {"name": name, "pods": some(len(using), "pod"), "waiting": len(waiting)},
            objects=(
                *(ref(pod) for pod in (waiting or using)[:20]),
                *dict.fromkeys(workload(mesh, pod) for pod in waiting[:20]),
            ),
            proofs=(Proof(using[0].at("/spec/volumes"), f"{using[0]} mounts {ROOT}"),),
            affects=tuple(pod_id(pod) for pod in waiting or using),
            level=Level.ERROR if waiting else Level.WARNING,
        )


def mounts(pod: KubeObject) -> bool:
    """Whether a pod mounts the ConfigMap with the root."""
    return any(as_dict(volume.get("configMap")).get("name") == ROOT for volume in dicts(pod.spec.get("volumes")))
