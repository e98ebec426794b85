"""What a comparison of two bundles comes to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from bugbundle.diff import ABSENT
from bugbundle.mesh.ref import Ref
from bugbundle.rules.model import Finding

__all__ = ["ABSENT", "Change", "Comparison", "Field", "Ignored", "NotComparable", "Population", "Side"]


class Field(NamedTuple):
    """One field: `path` in Kubernetes' terms, the values of both sides (ABSENT: not there)."""

    path: str
    before: Any
    after: Any


@dataclass
class Change:
    """One thing that is not as it was.

    `kind`: object, workload, proxy, resource, certificate, version, finding, flow, counter, log. `change`: added,
    removed, changed. `root`: nothing else that changed explains it. `by` and `at`: which client wrote it and when, as
    `metadata.managedFields` has it, empty where that is not told. `because` and `consequences` hold ids of changes;
    `affects` the proxies and workloads that it reaches. `summary` is one line that names the object; `weight` orders
    root changes by what they explain.
    """

    id: str
    kind: str
    object: Ref
    change: str
    summary: str
    root: bool = False
    fields: tuple[Field, ...] = ()
    by: str = ""
    at: datetime | None = None
    because: list[str] = field(default_factory=list)
    consequences: list[str] = field(default_factory=list)
    affects: tuple[str, ...] = ()
    level: str = ""
    weight: float = 0.0
    objects: tuple[Ref, ...] = ()
    hosts: frozenset[str] = frozenset()
    resource: str = ""


class NotComparable(NamedTuple):
    """What only one side shows: `side` (`before`, `after`) is the one that lacks it, and why."""

    what: str
    side: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Differences that say nothing: how many, of what kind, and why they are left out."""

    kind: str
    count: int
    reason: str


@dataclass(frozen=True)
class Population:
    """Who is on both sides, on one alone: proxies and workloads, by name."""

    common: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Side:
    """One of the bundles: its file, when it was recorded, by which tool, what it says of itself."""

    origin: str
    started: datetime | None
    tool: str
    cluster: str
    notes: tuple[str, ...] = ()


@dataclass
class Comparison:
    """Two bundles held against each other; `changes` has the roots first, the most important first.

    `causes` are the ids of findings that stand as a diagnosis on their side.
    """

    before: Side
    after: Side
    headline: str = ""
    changes: list[Change] = field(default_factory=list)
    appeared: list[Finding] = field(default_factory=list)
    disappeared: list[Finding] = field(default_factory=list)
    remained: list[Finding] = field(default_factory=list)
    not_comparable: list[NotComparable] = field(default_factory=list)
    ignored: list[Ignored] = field(default_factory=list)
    populations: dict[str, Population] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    causes: frozenset[str] = frozenset()

    @property
    def roots(self) -> list[Change]:
        """What nothing else explains."""
        return [change for change in self.changes if change.root]

    def find(self, ident: str) -> Change:
        """A change by its id. Raises KeyError."""
        return next(change for change in self.changes if change.id == ident)
