"""Counters of istiod that count what they did not count before, or far faster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref

_TYPE = re.compile(r"^# TYPE (\S+) counter$", re.MULTILINE)
_SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(\{[^\n]*\})? ([0-9.eE+]+)$", re.MULTILINE)
_BAD = re.compile(r"err|fail|reject|timeout|expired|conflict|denied|unauthor|internal|drop|nack", re.IGNORECASE)
_TOLD = re.compile(r"pilot_|citadel_|galley_|sidecar_injection_|webhook_|auto_registration|istiod_|xds_")
_USUAL = re.compile(r"istio\.io/debug|pilot_total_xds_internal_errors$|_bucket|_sum|_created")

FAST = 2.0
"""Per second: from which on a rate is worth a word, where it is also RATIO times what it was."""

RATIO = 10.0

BAD = 3
"""What a counter of failures must have counted."""


@dataclass
class Plane:
    """One istiod: when its process started and the capture, as Unix times, and its counters."""

    started: float = 0.0
    now: float = 0.0
    values: dict[str, float] = field(default_factory=dict)


Counters = dict[Ref, dict[str, Plane]]
"""workload of istiod → pod → counters."""


class Faster(NamedTuple):
    """A counter's rates per minute, before and after."""

    workload: Ref
    name: str
    before: float
    after: float
    total: float


def counters_of(mesh: Mesh, owners: dict[tuple[str, str], Ref]) -> Counters:
    """The counters of every istiod."""
    found: Counters = {}
    for istiod in mesh.istiods:
        text = istiod.text("metrics.txt")
        if not text:
            continue
        names = set(_TYPE.findall(text))
        plane = Plane(now=mesh.now.timestamp() if mesh.now else 0.0)
        for match in _SAMPLE.finditer(text):
            if match[1] == "process_start_time_seconds":
                plane.started = _number(match[3])
            elif match[1] in names and _TOLD.match(match[1]) and not _USUAL.search(match[0].rpartition(" ")[0]):
                plane.values[match[1] + (match[2] or "")] = _number(match[3])
        owner = owners.get((istiod.namespace, istiod.name), Ref("Pod", istiod.namespace, istiod.name))
        found.setdefault(owner, {})[istiod.name] = plane
    return found


def faster(before: Counters, after: Counters) -> Iterator[Faster]:
    """Counters that run away, and counters of failures that have begun to count."""
    for owner in sorted(before.keys() & after.keys()):
        names = {name for plane in after[owner].values() for name in plane.values}
        for name in sorted(names):
            was = _rate(before[owner], name, {})
            now = _rate(after[owner], name, before[owner])
            total = sum(plane.values.get(name, 0.0) for plane in after[owner].values())
            first = sum(plane.values.get(name, 0.0) for plane in before[owner].values())
            runs = now >= FAST and now >= RATIO * was
            fails = bool(_BAD.search(name)) and first == 0 and total >= BAD
            if runs or fails:
                yield Faster(owner, name, was * 60, now * 60, total)


def _rate(planes: dict[str, Plane], name: str, earlier: dict[str, Plane]) -> float:
    """Per second, of all replicas: since the earlier recording where the process is the same, else since it began."""
    total = 0.0
    for pod, plane in planes.items():
        value, span = plane.values.get(name, 0.0), plane.now - plane.started
        old = earlier.get(pod)
        if old is not None and abs(old.started - plane.started) < 1 and plane.now > old.now:
            value, span = value - old.values.get(name, 0.0), plane.now - old.now
        total += max(value, 0.0) / max(span, 60.0)
    return total


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
