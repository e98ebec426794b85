"""Workloads whose pods the API server refuses: by the status of ReplicaSets, else by recent events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.words import clip

RECENT = timedelta(minutes=30)
LISTS = {"StatefulSet": res.STATEFUL_SET, "DaemonSet": "daemonsets.apps", "Job": "jobs.batch"}
_HOOK = re.compile(r'(?:failed calling|admission) webhook "([^"]+)"')
_SIDECAR = re.compile(r"\bistio-(?:init|proxy|validation)\b|\bNET_ADMIN\b")
_POLICY = re.compile(r"PodSecurity|security context constraint|denied the request")

Refusal = tuple[Ref, KubeObject, Proof, str]


def refused(mesh: Mesh) -> Iterator[Refusal]:
    """(workload, ReplicaSet or other controller, evidence, the API server's words)."""
    seen: set[Ref] = set()
    for item in mesh.kube.list(res.REPLICA_SET):
        for number, condition in enumerate(item.conditions()):
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                text = as_text(condition.get("message"))
                seen.add(ref(item))
                yield _owner(item), item, Proof(item.at(f"/status/conditions/{number}"), clip(text)), text
    for item in mesh.kube.list(res.DEPLOYMENT) if not mesh.kube.recorded(res.REPLICA_SET) else ():
        for number, condition in enumerate(item.conditions()):
            if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
                text = as_text(condition.get("message"))
                seen.add(ref(item))
                yield ref(item), item, Proof(item.at(f"/status/conditions/{number}"), clip(text)), text
    for event in mesh.kube.list(res.EVENT):
        told = _told(mesh, event)
        if told and told not in seen and _short(mesh, told):
            seen.add(told)
            text = as_text(event.raw.get("message")).removeprefix("Error creating: ")
            yield told, event, Proof(event.at("/message"), clip(text)), text


def _told(mesh: Mesh, event: KubeObject) -> Ref | None:
    """The StatefulSet, DaemonSet or Job that a recent FailedCreate is about."""
    about = as_dict(event.raw.get("involvedObject"))
    kind = as_text(about.get("kind"))
    if event.raw.get("reason") != "FailedCreate" or kind not in ("StatefulSet", "DaemonSet", "Job"):
        return None
    at = parse_time(event.raw.get("lastTimestamp") or event.raw.get("eventTime"))
    if mesh.now and at and mesh.now - at > RECENT:
        return None
    told = Ref(kind, as_text(about.get("namespace")), as_text(about.get("name")))
    return None if _complete(mesh, told) else told


def _complete(mesh: Mesh, told: Ref) -> bool:
    """Whether a DaemonSet or StatefulSet has all its pods today: then what refused them is over."""
    listed = {"DaemonSet": res.DAEMON_SET, "StatefulSet": res.STATEFUL_SET}.get(told.kind, "")
    found = mesh.kube.get(listed, told.namespace, told.name) if listed else None
    if found is None:
        return False
    daemon = told.kind == "DaemonSet"
    wanted = found.status.get("desiredNumberScheduled") if daemon else found.spec.get("replicas", 1)
    there = found.status.get("currentNumberScheduled") if daemon else found.status.get("replicas")
    return isinstance(wanted, int) and isinstance(there, int) and there >= wanted


def _short(mesh: Mesh, owner: Ref) -> bool:
    """Whether the controller still lacks pods, as far as its status was recorded."""
    item = mesh.kube.get(LISTS[owner.kind], owner.namespace, owner.name)
    if item is None:
        return not mesh.kube.recorded(LISTS[owner.kind])
    if owner.kind == "Job":
        return not item.status.get("active") and not item.status.get("succeeded")
    wanted = item.status.get("desiredNumberScheduled") if owner.kind == "DaemonSet" else item.spec.get("replicas", 1)
    there = item.status.get("currentNumberScheduled" if owner.kind == "DaemonSet" else "replicas")
    return (wanted or 0) > (there or 0)


def _owner(item: KubeObject) -> Ref:
    kind, name = next(iter(item.owners), ("", ""))
    return Ref(kind, item.namespace, name) if name else ref(item)


def because_of_sidecar(text: str) -> bool:
    """Whether a policy for pods refuses what Istio's injection adds (not Istio's own webhook)."""
    own = "istio.io" in failing_hook(text)
    return not own and bool(_POLICY.search(text)) and bool(_SIDECAR.search(text))


def failing_hook(text: str) -> str:
    """The webhook that a refusal names, because it failed or refused; empty where it names none."""
    match = _HOOK.search(text)
    return match[1] if match else ""
