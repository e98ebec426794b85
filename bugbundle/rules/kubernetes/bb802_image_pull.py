"""BB802: a container's image cannot be pulled."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import alive, pod_id
from bugbundle.mesh.workloads.trouble import by_workload, statuses
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB802",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="container {container} of {owner} cannot pull its image in {pods}: {image}",
    explains={"BB101", "BB151", "BB203", "BB302", "BB306", "BB503", "BB511", "BB512", "BB704", "BB750"},
)
def image_pull(mesh: Mesh) -> Iterator[Evidence]:
    """A container's image cannot be pulled.

    ## Why it matters
    The container never starts.

    ## What to do
    Correct the image's name or tag, or give the pod the pull secret that the registry asks for. Istio's own images come
    from `global.hub` and `global.tag`; in the application's namespace they need their own `global.imagePullSecrets`.
    """
    found = [
        one
        for pod in mesh.kube.list(res.POD)
        if alive(pod) and pod.namespace not in SYSTEM_NAMESPACES
        for one in statuses(pod)
        if one.waiting.get("reason") in ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")
    ]
    for (owner, container), group in by_workload(mesh, found).items():
        first = group[0]
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "container": container,
                "pods": some(len(group), "pod"),
                "image": as_text(first.status.get("image")),
            },
            objects=tuple(ref(one.pod) for one in group[:20]),
            proofs=tuple(
                Proof(one.pod.at(one.place), f"{one.pod}: {one.how() or as_text(one.waiting.get('reason'))}")
                for one in group[:3]
            ),
            affects=tuple(pod_id(one.pod) for one in group),
            at=parse_time(first.last_end.get("finishedAt")),
        )
