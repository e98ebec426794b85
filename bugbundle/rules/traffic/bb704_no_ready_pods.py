"""BB704: a Service selects pods, and none of them is ready."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.workloads.index import index, pod_id, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

SETTLING = timedelta(seconds=90)
"""A pod younger than this may still start."""


@rule(
    "BB704",
    per=Mesh,
    level=Level.ERROR,
    reads={res.SERVICE, res.POD},
    optional={res.REPLICA_SET},
    message="Service {service} has no ready endpoint: {pods} selected, none ready",
    explains={"BB302", "BB750"},
)
def no_ready_pods(mesh: Mesh) -> Iterator[Evidence]:
    """A Service selects pods, and none of them is ready.

    ## Why it matters
    It has no ready endpoints: callers get 503 (UH).

    ## What to do
    Look at why the pods are not ready: their events, their probes, their logs, their proxies.
    """
    for service in mesh.kube.list(res.SERVICE):
        pods = index(mesh).pods_of(service)
        if not pods or service.namespace in SYSTEM_NAMESPACES or any(map(ready, pods)):
            continue
        if service.spec.get("publishNotReadyAddresses") is True or any(young(pod, mesh.now) for pod in pods):
            continue
        owners = tuple(dict.fromkeys(workload(mesh, pod) for pod in pods))
        yield Evidence(
            ref(service),
            {"service": name_of(service), "pods": some(len(pods), "pod")},
            objects=(*owners, *(ref(pod) for pod in pods[:20])),
            proofs=tuple(Proof(pod.at("/status/conditions"), f"{pod}: not ready") for pod in pods[:3]),
            affects=tuple(pod_id(pod) for pod in pods),
            confidence=Confidence.LIKELY,
        )


def young(pod: KubeObject, now: datetime | None) -> bool:
    """Whether a pod was made only just before the capture."""
    return bool(now and pod.created and now - pod.created < SETTLING)
