"""Containers in trouble, by workload: waiting for a reason, or ending again and again."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import workload

RECENT = timedelta(minutes=15)
"""How near to the capture the last end of a container must be to count as still going on."""


class Trouble(NamedTuple):
    """One container of one pod: the reason it waits for, its status, where that stands."""

    pod: KubeObject
    container: str
    status: dict[str, Any]
    place: str

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        found = self.status.get("restartCount")
        return found if isinstance(found, int) else 0

    @property
    def waiting(self) -> dict[str, Any]:
        """`.state.waiting`."""
        return as_dict(as_dict(self.status.get("state")).get("waiting"))

    @property
    def last_end(self) -> dict[str, Any]:
        """How it ended last: `terminated` of the state, else of the last state."""
        now = as_dict(as_dict(self.status.get("state")).get("terminated"))
        return now or as_dict(as_dict(self.status.get("lastState")).get("terminated"))

    def how(self) -> str:
        """`exit code 1`, `OOMKilled`, …."""
        end = self.last_end
        reason = as_text(end.get("reason"))
        if reason and reason not in ("Error", "Completed"):
            return f"{reason}, exit code {end.get('exitCode')}"
        return f"exit code {end.get('exitCode')}" if end else ""

    def ended_recently(self, now: datetime | None) -> bool:
        """Whether it ended within 15 minutes of the capture (or nobody knows when)."""
        at = parse_time(self.last_end.get("finishedAt"))
        return bool(self.last_end) and (now is None or at is None or now - at <= RECENT)


def statuses(pod: KubeObject) -> list[Trouble]:
    """Every container of a pod with its status."""
    return [
        Trouble(pod, as_text(status.get("name")), status, f"/status/{field}/{number}")
        for field in ("initContainerStatuses", "containerStatuses")
        for number, status in enumerate(dicts(pod.status.get(field)))
    ]


def by_workload(mesh: Mesh, found: list[Trouble]) -> dict[tuple[Ref, str], list[Trouble]]:
    """(workload, container) → its troubles."""
    groups: dict[tuple[Ref, str], list[Trouble]] = defaultdict(list)
    for one in found:
        groups[workload(mesh, one.pod), one.container].append(one)
    return groups
