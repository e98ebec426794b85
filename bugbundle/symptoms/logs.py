"""What components of the mesh complain about: lines of level warning and error, by template."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.logs.lines import BAD
from bugbundle.logs.templates import Template, shared
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.parts import containers
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.workloads.index import ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.trouble import statuses
from bugbundle.symptoms.known import ended, harmless
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.symptoms.texts import log_text
from bugbundle.words import clip

OWN = re.compile(r"istio|ztunnel|cert-manager|sail|envoy|proxyv2|pilot|spire|trust-manager", re.IGNORECASE)
"""Images of the mesh's own programs, and of those that work for it."""

COMPLAINT = re.compile(
    r"^(?:.{0,40}?\[?\b(?:warn|warning|error|fatal|critical|panic)\b\]?.*|[WEF]\d{4} \d\d:.*"
    r'|\{.*"(?:level|severity)":\s*"(?:warn|warning|error|fatal|critical|panic)".*|panic: .*)$',
    re.IGNORECASE | re.MULTILINE,
)
"""What may be a line of level warning or worse: taken apart only then."""

STARTING = timedelta(seconds=90)
"""Complaints in a container's first seconds are over once its pod is ready."""

QUIET = timedelta(seconds=5)
"""What came several times, and did not for so long and for twice its usual pause, is over."""

STALE = timedelta(minutes=30)
"""Older lines that did not come again speak of the past."""

LINES = 20_000
"""Complaints of one log that are looked at, the newest."""


class Source(NamedTuple):
    """A log: of which pod and container, where it is, since when the container runs."""

    pod: KubeObject
    container: str
    path: str
    started: datetime | None


def logs(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per workload, container and template."""
    harmless_ones: dict[str, list[Symptom]] = {}
    for symptom in _all(mesh):
        if symptom.state is State.HARMLESS:
            harmless_ones.setdefault(symptom.reason, []).append(symptom)
        else:
            yield symptom
    yield from (_together(found) for found in harmless_ones.values())


def _together(found: list[Symptom]) -> Symptom:
    """One line for what is harmless for the same reason, wherever it stands."""
    most = max(found, key=lambda one: one.count)
    things = tuple(dict.fromkeys(thing for one in found for thing in (one.subject, *one.things)))[:50]
    return replace(most, count=sum(one.count for one in found), things=things)


def _all(mesh: Mesh) -> Iterator[Symptom]:
    groups: dict[tuple[Ref, str], list[Source]] = {}
    for source in sources(mesh):
        groups.setdefault((workload(mesh, source.pod), source.container), []).append(source)
    for (owner, container), found in groups.items():
        texts = {source: complaints(log_text(mesh, source.path)) for source in found}
        texts = {source: lines for source, lines in texts.items() if lines}
        if not texts:
            continue
        for one in shared(texts):
            if one.level in BAD and not one.access and not access_of_ztunnel(one.text):
                yield _symptom(mesh, owner, container, one.groups)


def sources(mesh: Mesh) -> Iterator[Source]:
    """The logs of the mesh's own containers."""
    for pod in mesh.pods.values():
        for one in statuses(pod):
            image = next((as_text(c.get("image")) for c in containers(pod) if c.get("name") == one.container), "")
            path = f"logs/{pod.namespace}/{pod.name}/{one.container}.log"
            if path in mesh.bundle and (OWN.search(image) or one.container in ("istio-proxy", "discovery")):
                started = as_dict(as_dict(one.status.get("state")).get("running")).get("startedAt")
                yield Source(pod, one.container, path, parse_time(started))


def complaints(text: str) -> list[str]:
    """The lines that may be of level warning or worse, the newest."""
    return COMPLAINT.findall(text)[-LINES:]


def access_of_ztunnel(text: str) -> bool:
    """Whether it is a line of ztunnel's access log, which is told apart."""
    return text.startswith("access ")


def _symptom(mesh: Mesh, owner: Ref, container: str, groups: dict[Source, Template]) -> Symptom:
    last_source, last = max(groups.items(), key=lambda pair: pair[1].last.timestamp() if pair[1].last else 0.0)
    count = sum(one.count for one in groups.values())
    said = line_said(last.sample)
    state, reason = _state(mesh, groups, said)
    number = log_text(mesh, last_source.path).partition(last.sample)[0].count("\n") + 1
    return Symptom(
        Kind.LOG,
        owner,
        f"{container} of {owner} logs ({last.level}, {count}×): {clip(said, 260)}",
        count,
        first=min((one.first for one in groups.values() if one.first), default=None),
        last=last.last,
        proofs=(Proof(Pointer(last_source.path, f"line {number}"), clip(last.sample.replace("\t", " "), 400)),),
        things=(*(Ref("Pod", one.pod.namespace, one.pod.name) for one in list(groups)[:50]),),
        state=state,
        reason=reason,
        grave=last.level == "error",
    )


_HEAD = re.compile(r"^\[?\d{4}-\d\d-\d\d[T ][\d:.]+Z?\]?(?:\[\d+\])?\s+\[?\w+\]?\s+")


def line_said(raw: str) -> str:
    """A line without its time and level."""
    return " ".join(_HEAD.sub("", raw).split())


def _state(mesh: Mesh, groups: dict[Source, Template], said: str) -> tuple[State, str]:
    reason = harmless(mesh, said)
    if reason:
        return State.HARMLESS, reason
    if all(_while_starting(source, one, mesh.now) for source, one in groups.items()):
        return State.PAST, "only while it started; its pod is ready"
    if all(ended(said, log_text(mesh, source.path).rpartition(one.sample)[2]) for source, one in groups.items()):
        return State.PAST, "a later line of the same log says that it is over"
    last = max((one.last for one in groups.values() if one.last), default=None)
    if mesh.now and last and mesh.now - last > STALE:
        return State.PAST, f"the last was at {last:%Y-%m-%d %H:%M}"
    return State.NOW, ""


def _while_starting(source: Source, one: Template, now: datetime | None) -> bool:
    """Whether the lines came in the first seconds alone: if they went on, the next would have been there by now."""
    if source.started is None or one.first is None or one.last is None or not ready(source.pod):
        return False
    usual = (one.last - one.first) / max(one.count - 1, 1)
    silent = one.count == 1 or now is None or now - one.last > max(2 * usual, QUIET)
    return one.last - source.started < STARTING and silent
