"""BB616: an application failed once because its sidecar was not ready yet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import PROXY, alive, pod_id
from bugbundle.mesh.workloads.trouble import Trouble, by_workload, statuses
from bugbundle.rules.injection.sidecars import beside
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

START = timedelta(seconds=60)


@rule(
    "BB616",
    per=Mesh,
    level=Level.INFO,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="container {container} of {owner} ended within a minute of the start of {pods}, before or while the sidecar"
    " came up ({how})",
    diagnosis=False,
)
def application_before_proxy(mesh: Mesh) -> Iterator[Evidence]:
    """An application failed once at the start of its pod, and runs since: its sidecar was likely not ready yet.

    ## Why it matters
    Until the sidecar is ready the application has no network: what it needs at its start fails.

    ## What to do
    Set `holdApplicationUntilProxyStarts: true` (`proxy.istio.io/config`, or `meshConfig.defaultConfig`), or use native
    sidecars.
    """
    found = [
        one
        for pod in mesh.kube.list(res.POD)
        if alive(pod) and beside(pod) and not held(pod)
        for one in statuses(pod)
        if one.container != PROXY and one.restarts and early(one)
    ]
    for (owner, container), group in by_workload(mesh, found).items():
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "container": container,
                "pods": some(len(group), "pod"),
                "how": group[0].how(),
            },
            objects=tuple(ref(one.pod) for one in group[:20]),
            proofs=tuple(Proof(one.pod.at(one.place), f"{one.pod}: {one.how()}") for one in group[:3]),
            affects=tuple(pod_id(one.pod) for one in group),
            confidence=Confidence.POSSIBLE,
        )


def held(pod: KubeObject) -> bool:
    """Whether the application waits for the proxy: it is then the first container, with a postStart hook."""
    first = next(iter(dicts(pod.spec.get("containers"))), {})
    return first.get("name") == PROXY and "postStart" in as_dict(first.get("lifecycle"))


def early(one: Trouble) -> bool:
    """Whether a container runs now, and its last end was a failure within a minute of the pod's start."""
    running = "running" in as_dict(one.status.get("state"))
    began, ended = parse_time(one.pod.status.get("startTime")), parse_time(one.last_end.get("finishedAt"))
    return bool(running and one.last_end.get("exitCode") and began and ended and ended - began <= START)
