"""BB801: a container ends again and again."""

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
    "BB801",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="container {container} of {owner} keeps ending in {pods} ({how}, restarted {restarts})",
    explains={"BB203", "BB302", "BB306", "BB503", "BB704", "BB750"},
)
def crash_loop(mesh: Mesh) -> Iterator[Evidence]:
    """A container ends again and again.

    ## Why it matters
    The workload is not there, or only now and then.

    ## What to do
    Read the end of its previous log (`kubectl logs --previous`; in the bundle
    `logs/<ns>/<pod>/<container>.previous.log`) and its exit code: 137 with OOMKilled is the memory limit. A proxy that
    is killed for memory has too large a configuration for its limit: scope it with Sidecar resources or `exportTo`.
    """
    found = [
        one
        for pod in mesh.kube.list(res.POD)
        if alive(pod) and pod.namespace not in SYSTEM_NAMESPACES
        for one in statuses(pod)
        if one.waiting.get("reason") == "CrashLoopBackOff" or (one.restarts >= 3 and one.ended_recently(mesh.now))
    ]
    for (owner, container), group in by_workload(mesh, found).items():
        first = group[0]
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "container": container,
                "pods": some(len(group), "pod"),
                "how": first.how() or "no exit code",
                "restarts": some(max(one.restarts for one in group), "time"),
            },
            objects=tuple(ref(one.pod) for one in group[:20]),
            proofs=tuple(
                Proof(one.pod.at(one.place), f"{one.pod}: {one.how() or as_text(one.waiting.get('reason'))}")
                for one in group[:3]
            ),
            affects=tuple(pod_id(one.pod) for one in group),
            at=parse_time(first.last_end.get("finishedAt")),
        )
