"""What a collection was asked to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bugbundle.collect.scope import Selection

MANY = 200
"""Containers from which on only the end of each log is asked for, unless told otherwise."""
LINES = 5000
FEW = 500
"""Lines of each log in the profile `minimal`."""
PROFILES = ("minimal", "standard", "full")
_FURTHER = re.compile(
    r"proxies/[^/]+/[^/]+/(stats|runtime|memory|init_dump|logging|metrics|listeners)\.\w+|istiod/[^/]+/[^/]+/controlz/.*"
    r"|istiod/[^/]+/[^/]+/debug/(edsz|ndsz)/.*"
)
"""What the profile `minimal` does without."""


@dataclass(frozen=True, slots=True)
class Options:
    """`seconds` is for one request, `budget` for all of it. `tail` None: whole logs, or `LINES` of `MANY` and more.

    `include` and `exclude` are globs of entries, `selection` is of pods. `since` in seconds; `since_time` and
    `until_time` in RFC 3339. `max_size`: bytes of the file, 0 for any. `shard`: the how-many-eth (from 0) of how many
    parts of the proxies.
    """

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
    selection: Selection = field(default_factory=Selection)
    since_time: str = ""
    until_time: str = ""
    profile: str = "standard"
    max_size: int = 0
    shard: tuple[int, int] = (0, 1)

    def wanted(self, path: str) -> bool:
        """Whether this entry is to be recorded."""
        if self.profile == "minimal" and _FURTHER.fullmatch(path):
            return False
        return not any(fnmatchcase(path, glob) for glob in self.exclude)

    def added(self, path: str) -> bool:
        """Whether this entry is asked for beyond what is recorded of every mesh."""
        return self.profile == "full" or any(fnmatchcase(path, glob) for glob in self.include)

    def in_scope(self, namespace: str) -> bool:
        """Whether pods of this namespace are looked at."""
        return not self.namespaces or namespace in self.scope

    @property
    def scope(self) -> tuple[str, ...]:
        """The namespaces that were named, the control plane's among them; empty for all."""
        return tuple(dict.fromkeys((*self.namespaces, self.istio_namespace))) if self.namespaces else ()

    def mine(self, number: int) -> bool:
        """Whether the `number`-th of all that is divided among the shards is asked for by this one."""
        return number % self.shard[1] == self.shard[0]

    def lines(self, containers: int) -> int | None:
        """How many lines of a log are asked for, with so many of them to ask for; None for all."""
        if self.tail is None and self.profile != "standard":
            return FEW if self.profile == "minimal" else None
        if self.tail is not None:
            return self.tail if self.tail >= 0 else None
        return LINES if containers > MANY else None
