"""What a bundle says of itself: header, entries, gaps, manifest.

The fields are those of `bundle.json` and `manifest.json` (docs/format.md); a field that a recording lacks
has the default here, a field that this version does not know is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

FORMAT = 1
"""The format that this version writes; its history is in docs/format.md."""


@dataclass(frozen=True, slots=True)
class Header:
    """`bundle.json`, the first entry: who recorded what, and when."""

    format: int
    tool: str
    started: datetime | None
    clusters: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    redaction: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One recorded answer: `size` in bytes, `status` as HTTP, `seconds` the answer took, `at` when asked."""

    path: str
    size: int
    sha256: str = ""
    target: str = ""
    request: str = ""
    status: int = 200
    at: datetime | None = None
    seconds: float | None = None
    attempts: int = 1
    route: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that got no answer, and why: `status` 0 where there was none at all."""

    path: str
    target: str = ""
    request: str = ""
    status: int = 0
    reason: str = ""

    @property
    def text(self) -> str:
        """`entry PATH: REASON`, as `NotEvaluated` and the report quote it."""
        return f"entry {self.path}: {self.reason}" if self.reason else f"entry {self.path}: no answer"


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`, the last entry: every entry, every gap; `redacted` counts what was taken out, by kind."""

    format: int
    started: datetime | None
    finished: datetime | None
    entries: Mapping[str, Entry]
    gaps: dict[str, Gap]
    redacted: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Damage:
    """An entry (or the place where entries were) that cannot be read, and why."""

    path: str
    reason: str
