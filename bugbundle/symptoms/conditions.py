"""Conditions that say no, in the status of every recorded object, also of kinds that nobody here has heard of.

Which way round a condition is meant is told by its type: Kubernetes' API conventions want it to read as a state, and
leave both polarities in use (https://github.com/kubernetes/community/blob/main/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.errors import BugbundleError
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.words import clip

ELSEWHERE = frozenset({"pods", "replicasets.apps", "events", "leases.coordination.k8s.io"})
"""Kinds whose conditions other sources tell, or that say no as a matter of course."""

BAD_IF_TRUE = re.compile(
    r"^(Conflicted|NonStructuralSchema|ReplicaFailure|Dangling|Degraded|Stalled|NetworkUnavailable|PartiallyInvalid"
    r"|OverlappingTLSConfig|Denied|InvalidRequest)$|Pressure$|Fail(ed|ure)$|Errors?$|Invalid$"
)
NEUTRAL = re.compile(
    r"^(Terminating|Suspended|Issuing|Progressing|Reconciling|Upgradeable|DisruptionAllowed|ScalingLimited|AbleToScale"
    r"|FrequentlyRestarted|KernelDeadlock|ReadonlyFilesystem|InUse|Paused|Resizing|FileSystemResizePending"
    r"|InsecureUpstream|SupportedVersion)$|^(Frequent|Corrupt)"
)
"""What says neither good nor bad by itself. `Progressing` of a Deployment is the exception (`False`: it gave up)."""


class Negative(NamedTuple):
    """One condition that says no: of which object, where in it (`of` names a listener or a parent), and itself."""

    item: KubeObject
    pointer: str
    of: str
    condition: dict[str, Any]

    @property
    def type(self) -> str:
        """`.type`."""
        return as_text(self.condition.get("type"))

    @property
    def said(self) -> str:
        """`Accepted=False, NotAllowedByListeners: …`."""
        why = ": ".join(filter(None, (as_text(self.condition.get(key)) for key in ("reason", "message"))))
        return f"{self.type}={self.condition.get('status')}" + (f", {why}" if why else "")


def negatives(mesh: Mesh) -> Iterator[Negative]:
    """Every condition that says no."""
    for resource in mesh.kube.resources():
        if resource in ELSEWHERE or not _may_have(mesh, resource):
            continue
        for item in mesh.kube.list(resource):
            yield from _of(item)


def _of(item: KubeObject) -> Iterator[Negative]:
    status = item.status
    yield from _bad(item, "/status/conditions", "", status.get("conditions"))
    for field, name in (("listeners", "listener"), ("parents", "parent"), ("ancestors", "ancestor")):
        for number, one in enumerate(dicts(status.get(field))):
            of = as_text(one.get("name")) or as_text(as_dict(one.get(f"{name}Ref")).get("name"))
            yield from _bad(item, f"/status/{field}/{number}/conditions", f"{name} {of}".strip(), one.get("conditions"))


def _bad(item: KubeObject, pointer: str, of: str, conditions: object) -> Iterator[Negative]:
    for number, condition in enumerate(dicts(conditions)):
        if says_no(item.kind, condition):
            yield Negative(item, f"{pointer}/{number}", of, condition)


def says_no(kind: str, condition: dict[str, Any]) -> bool:
    """Whether a condition tells of trouble."""
    name, status = as_text(condition.get("type")), condition.get("status")
    if condition.get("reason") == "PartiallyInvalid":
        return True
    if BAD_IF_TRUE.search(name):
        return status == "True"
    if name == "Progressing" and kind == "Deployment":
        return status == "False"
    if NEUTRAL.search(name):
        return False
    waits = status == "Unknown" and condition.get("reason") in ("Pending", "NodeStatusUnknown")
    return status == "False" or waits


def _may_have(mesh: Mesh, resource: str) -> bool:
    """Whether a list speaks of conditions at all: looked for in its text, which is cheap."""
    for path in mesh.kube.entries(resource):
        try:
            if b'"conditions"' in mesh.bundle[path]:
                return True
        except (KeyError, BugbundleError):
            continue
    return not mesh.kube.entries(resource)


def conditions(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per condition that says no."""
    for found in negatives(mesh):
        item = found.item
        since = parse_time(found.condition.get("lastTransitionTime"))
        where = f" ({found.of})" if found.of else ""
        reason = _harmless(found)
        yield Symptom(
            Kind.CONDITION,
            ref(item),
            f"{item}{where} says {clip(found.said, 300)}",
            first=since if since and since.year > 1970 else None,
            proofs=(Proof(item.at(found.pointer), clip(found.said)),),
            things=tuple(Ref(kind, item.namespace, name) for kind, name in item.owners),
            state=State.HARMLESS if reason else State.NOW,
            reason=reason,
        )


def _harmless(found: Negative) -> str:
    """Why a condition that says no is as it should be; empty where it is not."""
    item, kind, name = found.item, found.item.kind, found.type
    owned = any(owner == "Gateway" for owner, _ in item.owners)
    if kind == "HorizontalPodAutoscaler" and name == "ScalingActive":
        return "without metrics, or scaled to zero, the number of replicas stays as it is"
    if kind in ("APIService",) and name == "Available" and "metrics" in item.name:
        return "metrics of pods and nodes, which Istio does not need"
    if kind == "Deployment" and not owned and item.spec.get("replicas") == 0:
        return "scaled to zero"
    return ""
