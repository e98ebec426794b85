"""Ages as the API server prints them in Tables, against the time of the capture."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from bugbundle.durations import human

UNKNOWN = "<unknown>"


def parse(stamp: Any) -> datetime | None:
    """RFC 3339 as Kubernetes writes it; None for anything else."""
    if not isinstance(stamp, str):
        return None
    try:
        when = datetime.fromisoformat(stamp)
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


class Clock:
    """«Now» of one answer: when the entry was recorded; without it, ages are unknown."""

    def __init__(self, now: datetime | None) -> None:
        self.now = now.astimezone(UTC) if now else None

    def since(self, stamp: Any) -> str:
        """Time from a timestamp to the capture."""
        when = parse(stamp)
        if when is None or self.now is None:
            return UNKNOWN
        return human((self.now - when).total_seconds())

    @staticmethod
    def between(start: Any, end: Any) -> str:
        """Time between two timestamps."""
        first, last = parse(start), parse(end)
        return human((last - first).total_seconds()) if first and last else UNKNOWN
