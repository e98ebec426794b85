"""BB805: a pod has run for minutes, and its application is not ready."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, pod_id, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.trouble import Trouble, statuses
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip, some

PATIENCE = timedelta(minutes=5)
BRIEF = timedelta(minutes=1)
"""How old a pod must be: one whose probe fails is given less time."""

RECENT = timedelta(minutes=3)


@rule(
    "BB805",
    per=Mesh,
    level=Level.WARNING,
    reads={res.POD},
    optional={res.REPLICA_SET, res.EVENT},
    message="container {container} of {owner} runs and is not ready in {pods}{said}",
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
    probed = failed_probes(mesh)
    for pod in mesh.kube.list(res.POD):
        if ready(pod) or not alive(pod) or pod.status.get("phase") != "Running" or pod.namespace in SYSTEM_NAMESPACES:
            continue
        if mesh.now and pod.created and mesh.now - pod.created < (BRIEF if ref(pod) in probed else PATIENCE):
            continue
        for one in statuses(pod):
            running = "running" in as_dict(one.status.get("state"))
            if running and one.status.get("ready") is False and one.container != "istio-proxy":
                groups[workload(mesh, pod), one.container].append(one)
    for (owner, container), group in groups.items():
        told = next((probed[ref(one.pod)] for one in group if ref(one.pod) in probed), None)
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "container": container,
                "pods": some(len(group), "pod"),
                "said": f": {clip(as_text(told.raw.get('message')), 200)}" if told else "",
            },
            objects=tuple(ref(one.pod) for one in group[:20]),
            proofs=(
                *(Proof(one.pod.at(one.place), "running, not ready") for one in group[:3]),
                *((Proof(told.at("/message"), clip(as_text(told.raw.get("message")))),) if told else ()),
            ),
            affects=tuple(pod_id(one.pod) for one in group),
        )


def failed_probes(mesh: Mesh) -> dict[Ref, KubeObject]:
    """Pod → the event that tells that its readiness probe failed just before the capture."""
    found: dict[Ref, KubeObject] = {}
    for event in mesh.kube.list(res.EVENT):
        about = as_dict(event.raw.get("involvedObject"))
        text = as_text(event.raw.get("message"))
        if event.raw.get("reason") != "Unhealthy" or "eadiness probe" not in text:
            continue
        if _now(mesh.now, parse_time(event.raw.get("lastTimestamp") or event.raw.get("eventTime"))):
            found[Ref("Pod", as_text(about.get("namespace")), as_text(about.get("name")))] = event
    return found


def _now(now: datetime | None, at: datetime | None) -> bool:
    return bool(now and at and now - at <= RECENT)
