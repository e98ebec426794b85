"""Warning events that still hold: their object is there and still in that state."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.logs.templates import mask
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.workloads.index import alive, ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.symptoms.known import harmless
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.symptoms.status import DAEMON_SET, wanted_and_ready
from bugbundle.words import clip

RECENT = timedelta(minutes=15)
"""How near the capture an event must be that is about neither a pod nor a workload."""

WORKLOADS = {
    "Deployment": res.DEPLOYMENT,
    "ReplicaSet": res.REPLICA_SET,
    "StatefulSet": res.STATEFUL_SET,
    "DaemonSet": DAEMON_SET,
}


class _Event(NamedTuple):
    item: KubeObject
    about: Ref
    reason: str
    message: str
    times: int
    first: datetime | None
    last: datetime | None


def events(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per workload (or other object), reason and message."""
    groups: dict[tuple[Ref, str, str], list[_Event]] = {}
    for item in mesh.kube.list(res.EVENT):
        if item.raw.get("type") == "Warning":
            event = _event(item)
            key = (_owner(mesh, event.about), event.reason, mask(event.message)[:80])
            groups.setdefault(key, []).append(event)
    for (owner, reason, _), group in groups.items():
        if not all(over(mesh, one.about, one.last) for one in group):
            yield _symptom(mesh, owner, reason, group)


def _event(item: KubeObject) -> _Event:
    about = as_dict(item.raw.get("involvedObject") or item.raw.get("regarding"))
    series = as_dict(item.raw.get("series"))
    last = item.raw.get("lastTimestamp") or series.get("lastObservedTime") or item.raw.get("eventTime")
    count = item.raw.get("count") or series.get("count") or 1
    return _Event(
        item,
        Ref(as_text(about.get("kind")), as_text(about.get("namespace")), as_text(about.get("name"))),
        as_text(item.raw.get("reason")),
        as_text(item.raw.get("message") or item.raw.get("note")),
        count if isinstance(count, int) else 1,
        parse_time(item.raw.get("firstTimestamp") or item.raw.get("eventTime")),
        parse_time(last),
    )


def _owner(mesh: Mesh, about: Ref) -> Ref:
    pod = mesh.pods.get((about.namespace, about.name)) if about.kind == "Pod" else None
    return workload(mesh, pod) if pod else about


def _symptom(mesh: Mesh, owner: Ref, reason: str, group: list[_Event]) -> Symptom:
    last = max(group, key=lambda one: one.last.timestamp() if one.last else 0.0)
    known = harmless(mesh, last.message)
    if owner.kind == "HorizontalPodAutoscaler":
        known = "without metrics the number of replicas stays as it is"
    return Symptom(
        Kind.EVENT,
        owner,
        f"{owner}: {reason}: {clip(last.message, 240)}",
        sum(one.times for one in group),
        first=min((one.first for one in group if one.first), default=None),
        last=last.last,
        proofs=(Proof(last.item.at("/message"), clip(last.message)),),
        things=tuple(dict.fromkeys(one.about for one in group[:50])),
        state=State.HARMLESS if known else State.NOW,
        reason=known,
    )


def over(mesh: Mesh, about: Ref, last: datetime | None) -> str:
    """Why a Warning about an object no longer holds; empty where it does."""
    if about.kind == "Pod" and mesh.kube.recorded(res.POD):
        pod = mesh.pods.get((about.namespace, about.name))
        if pod is None:
            return "the pod is gone"
        return "the pod is ready" if ready(pod) else "" if alive(pod) else "the pod has ended"
    resource = WORKLOADS.get(about.kind)
    if resource and mesh.kube.recorded(resource):
        item = mesh.kube.get(resource, about.namespace, about.name)
        if item is None:
            return f"the {about.kind} is gone"
        wanted, there = wanted_and_ready(item)
        return "all its pods are ready" if there >= wanted else ""
    if about.kind == "ReplicaSet":
        above = mesh.kube.get(res.DEPLOYMENT, about.namespace, about.name.rpartition("-")[0])
        if above is not None and wanted_and_ready(above)[1] >= wanted_and_ready(above)[0]:
            return "all pods of its Deployment are ready"
    if mesh.now and last and mesh.now - last > RECENT:
        return f"the last was at {last:%Y-%m-%d %H:%M}"
    return ""
