"""BB614: a Job's application is done, and its sidecar keeps the pod."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import PROXY, alive, pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.injection.sidecars import beside
from bugbundle.rules.model import Evidence, Level, rule

PATIENCE = timedelta(minutes=1)


@rule(
    "BB614",
    per=Mesh,
    level=Level.WARNING,
    reads={res.POD},
    message="{owner} does not end: its application ended at {at}, and the sidecar of pod {pod} runs on",
    explains={"BB805"},
)
def job_kept_by_sidecar(mesh: Mesh) -> Iterator[Evidence]:
    """A Job's application is done, and its sidecar keeps the pod.

    ## Why it matters
    The Job never completes; a CronJob that forbids concurrency does not start again.

    ## What to do
    Use native sidecars (Kubernetes 1.29 and later; `ENABLE_NATIVE_SIDECARS=true`, the default of newer releases), or
    let the application end the proxy: `curl -X POST localhost:15020/quitquitquit`.
    """
    for pod in mesh.kube.list(res.POD):
        owner = workload(mesh, pod)
        done = ended(pod) if owner.kind == "Job" and alive(pod) and beside(pod) else None
        if done is None or (mesh.now and mesh.now - done < PATIENCE):
            continue
        yield Evidence(
            owner,
            {"owner": str(owner), "pod": pod.name, "at": f"{done:%Y-%m-%d %H:%M:%S}"},
            objects=(ref(pod),),
            proofs=(Proof(pod.at("/status/containerStatuses"), f"{pod}: all but {PROXY} terminated"),),
            affects=(pod_id(pod),),
            at=done,
        )


def ended(pod: KubeObject) -> datetime | None:
    """When the last container but the sidecar ended; None while one runs, or where the sidecar does not."""
    times: list[datetime] = []
    for status in dicts(pod.status.get("containerStatuses")):
        state = as_dict(status.get("state"))
        if status.get("name") == PROXY:
            if "running" not in state:
                return None
            continue
        at = parse_time(as_dict(state.get("terminated")).get("finishedAt"))
        if at is None:
            return None
        times.append(at)
    return max(times, default=None)
