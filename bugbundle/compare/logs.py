"""What logs say now that they did not say before, by workload and container."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from bugbundle.errors import BugbundleError
from bugbundle.logs import Shared, Tallies, join, tally
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref

Logs = dict[tuple[Ref, str], Tallies]
"""(workload, container) → the lines that are compared."""

PLANE = frozenset({"discovery", "install-cni"})
"""Containers of the control plane: of these all lines are compared, for how often they come."""

MANY = 5
"""Lines of one template that a proxy or an application must have for it to count."""

FEW = 2
"""As MANY, of the control plane."""

BUSY = 60
"""Lines a minute from which on «often» is worth a word, where it is also RATIO times as many as before."""

RATIO = 4

RECENT = timedelta(minutes=10)
"""How near to the recording a line of the control plane must be to speak of now."""

_BAD = re.compile(
    rb"^(?:[^\n]*[\t ](?:warn|warning|error|critical|fatal|panic)[\t :][^\n]*|[EF]\d{4} [^\n]*"
    rb'|\[[^\n]*?" (?:[45]\d\d|0) [^\n]*|\{[^\n]*"(?:level|severity)": ?"(?:warn|error|fatal)[^\n]*|panic: [^\n]*)$',
    re.MULTILINE | re.IGNORECASE,
)
_APPLICATION = re.compile(
    rb"^[^\n]*\b(?:error|exception|panic|fatal|refused|denied|unauthorized|forbidden|timed? ?out|failed|failure)\b"
    rb"[^\n]*$",
    re.MULTILINE | re.IGNORECASE,
)


class Said(NamedTuple):
    """A template that is new, or comes far more often, in one workload's container: `before` and `after` count lines,
    or lines a minute where `often`."""

    workload: Ref
    container: str
    level: str
    text: str
    access: bool
    sample: str
    before: int
    after: int
    often: bool
    plane: bool
    at: datetime | None


def logs_of(mesh: Mesh, owners: dict[tuple[str, str], Ref]) -> Logs:
    """The lines of every log that a comparison looks at."""
    found: Logs = {}
    for path in mesh.bundle.paths("logs/", ".log"):
        parts = path.removesuffix(".log").split("/")
        if len(parts) != 4 or parts[3].endswith(".previous"):
            continue
        try:
            data = mesh.bundle[path]
        except (BugbundleError, KeyError):
            continue
        owner = owners.get((parts[1], parts[2]), Ref("Pod", parts[1], parts[2]))
        tallies = tally(_lines(data, parts[3], owner))
        into = found.setdefault((owner, parts[3]), {})
        for key, one in tallies.items():
            if key in into:
                into[key].join(one)
            else:
                into[key] = one
    return found


def _lines(data: bytes, container: str, owner: Ref) -> Iterator[str]:
    if container in PLANE or (container == "istio-proxy" and owner.kind == "DaemonSet"):
        yield from data.decode("utf-8", "replace").splitlines()
        return
    pattern = _BAD if container in ("istio-proxy", "istio-init", "istio-validation") else _APPLICATION
    for match in pattern.finditer(data):
        yield match[0].decode("utf-8", "replace")


def said(
    before: Logs, after: Logs, since: datetime | None, now: datetime | None, blind: frozenset[Ref] = frozenset()
) -> Iterator[Said]:
    """What is new since the first recording, of logs that both sides have; `now` is when the second was made.

    Workloads of which a side lacks logs of pods that it has (`blind`) are passed over: what is new may be old there.
    """
    for place in sorted(before.keys() & after.keys()):
        if place[0] in blind:
            continue
        owner, container = place
        plane = container in PLANE or owner.kind == "DaemonSet"
        for one in join({"before": before[place], "after": after[place]}):
            found = _new(one, owner, container, plane, since, now)
            if found is not None:
                yield found


def _new(
    one: Shared[str], owner: Ref, container: str, plane: bool, since: datetime | None, made: datetime | None
) -> Said | None:
    now, then = one.groups.get("after"), one.groups.get("before")
    if now is None:
        return None
    head = (owner, container, one.level, one.text, one.access, now.sample)
    was = then.busiest if then else 0
    if plane and now.busiest >= BUSY and now.busiest >= RATIO * max(was, 1) and not _startup(now.sample):
        return Said(*head, was, now.busiest, True, plane, now.first)
    bad = one.access or one.level == "error" or (one.level == "warning" and plane) or (not one.level and not plane)
    if then is not None or not bad or now.count < (FEW if plane else MANY):
        return None
    if now.last and ((plane and made and made - now.last > RECENT) or (not plane and since and now.last < since)):
        return None
    return Said(*head, 0, now.count, False, plane, now.first)


def _startup(sample: str) -> bool:
    """Lines that istiod prints once for each connection, controller or type as it starts."""
    return any(
        word in sample for word in ("sync complete", "starting controller", "PUSH request for", "new delta connection")
    )
