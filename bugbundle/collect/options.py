"""What a collection was asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

MANY = 200
"""Containers from which on only the end of each log is asked for, unless told otherwise."""
LINES = 5000


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` is for one request, `budget` for all of it. `tail` None: whole logs, or `LINES` of `MANY` and more."""

    namespaces: tuple[str, ...] = ()
    istio_namespace: str = "istio-system"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    logs: bool = True
    previous: bool = True
    since: int | None = None
    tail: int | None = None
    log_bytes: int = 10 << 20
    concurrency: int = 16
    seconds: float = 60.0
    budget: float = 1800.0
    rate: float = 50.0

    def wanted(self, path: str) -> bool:
        """Whether this entry is to be recorded."""
        return not any(fnmatchcase(path, glob) for glob in self.exclude)

    def added(self, path: str) -> bool:
        """Whether this entry is asked for beyond what is recorded of every mesh."""
        return any(fnmatchcase(path, glob) for glob in self.include)

    def in_scope(self, namespace: str) -> bool:
        """Whether pods of this namespace are looked at."""
        return not self.namespaces or namespace in self.scope

    @property
    def scope(self) -> tuple[str, ...]:
        """The namespaces that were named, the control plane's among them; empty for all."""
        return tuple(dict.fromkeys((*self.namespaces, self.istio_namespace))) if self.namespaces else ()

    def lines(self, containers: int) -> int | None:
        """How many lines of a log are asked for, with so many of them to ask for; None for all."""
        if self.tail is not None:
            return self.tail if self.tail >= 0 else None
        return LINES if containers > MANY else None
