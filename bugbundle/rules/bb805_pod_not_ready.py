"""BB805: a pod has run for minutes, and its application is not ready."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import as_dict
from bugbundle.rules.lib import resources as res
from bugbundle.rules.lib.index import alive, pod_id, ready
from bugbundle.rules.lib.istioctl import SYSTEM_NAMESPACES
from bugbundle.rules.lib.owners import workload
from bugbundle.rules.lib.trouble import Trouble, statuses
from bugbundle.rules.lib.words import some
from bugbundle.rules.model import Evidence, Level, Proof, Ref, ref, rule


@rule(
    "BB805",
    per=Mesh,
    level=Level.WARNING,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="container {container} of {owner} runs and is not ready in {pods}",
    explains={"BB704", "BB302"},
)
def pod_not_ready(mesh: Mesh) -> Iterator[Evidence]:
    """A pod has run for minutes, and its application is not ready.

    ## Why it matters
    Kubernetes keeps it out of its Services.

    ## What to do
    Look at its readiness probe and its log.
    """
    groups: dict[tuple[Ref, str], list[Trouble]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        if ready(pod) or not alive(pod) or pod.status.get("phase") != "Running" or pod.namespace in SYSTEM_NAMESPACES:
            continue
        if mesh.now and pod.created and mesh.now - pod.created < timedelta(minutes=5):
            continue
        for one in statuses(pod):
            running = "running" in as_dict(one.status.get("state"))
            if running and one.status.get("ready") is False and one.container != "istio-proxy":
                groups[workload(mesh, pod), one.container].append(one)
    for (owner, container), group in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "container": container, "pods": some(len(group), "pod")},
            objects=tuple(ref(one.pod) for one in group[:20]),
            proofs=tuple(Proof(one.pod.at(one.place), "running, not ready") for one in group[:3]),
            affects=tuple(pod_id(one.pod) for one in group),
        )
