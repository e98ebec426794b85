"""The templates that the lines of logs share: the one door to drain3.

Drain (He et al., «Drain: An Online Log Parsing Approach with Fixed Depth Tree», ICWS 2017) puts lines of equal length
and alike words together and leaves `<*>` where they differ. What it makes of a line depends on the lines before it, so
lines of which templates are to be compared are mined together (`shared`), in an order that does not depend on theirs.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from bugbundle.logs.lines import Line, read

K = TypeVar("K", bound=Hashable)

MAX_TOKENS = 120
"""Words of a line that are looked at."""

WIDTH = 2000
"""Characters of a line that are looked at."""

MAX_DISTINCT = 50_000
"""Distinct masked lines that are mined; the rest are told by their first words alone."""

_VALUES = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}          # uuid
    | \d{4}-\d\d-\d\dT[\d:.]+Z?(?:/\d+)?                                                     # time, push version
    | \[?[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){3,7}(?:%\w+)?\]?(?::\d+)?                     # IPv6
    | \d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d+)?                                                    # IPv4
    | 0x[0-9a-fA-F]+
    | (?=[0-9a-f]*\d)[0-9a-f]{8,}                                                            # hashes
    | [-+]?\d+(?:\.\d+)?(?:h\d+m[\d.]+s|m[\d.]+s|ns|µs|us|ms|s|m|h|[kKMG]?i?B|%)?(?![A-Za-z0-9])
    )""",
    re.VERBOSE,
)
_POD = re.compile(
    r"(?<=[a-z0-9])-(?=[a-z0-9]*\d)[a-z0-9]{5,10}-[a-z0-9]{5}(?![a-z0-9-])|(?<=[a-z])-(?=\w*\d)[bcdf-hj-np-tv-z2-9]{5}(?![a-z0-9-])"
)
_PAIR = re.compile(r"""(?<![\w.])([A-Za-z_][\w.]*)=("(?:[^"\\]|\\.)*"|\S+)""")
_TOLD = {"error", "err", "reason", "msg", "message", "direction"}
"""Members of structured lines whose values tell one kind of line from another."""


@dataclass(frozen=True, slots=True)
class Template:
    """What some lines share: `text` with `<*>` for what varies, `level` (empty where lines name none), how many lines,
    the first and last time (None where they name none), one whole line as a sample, whether of an access log, how many
    lines the busiest minute has."""

    text: str
    level: str
    count: int
    first: datetime | None
    last: datetime | None
    sample: str
    access: bool = False
    busiest: int = 0


class Shared(NamedTuple, Generic[K]):
    """One template in the logs of several: group → its lines there; groups without one are not named."""

    text: str
    level: str
    access: bool
    groups: dict[K, Template]


@dataclass(slots=True)
class Tally:
    """Lines that look the same: how many, from when to when, one of the newest whole, how many a minute."""

    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    sample: str = ""
    minutes: dict[int, int] = field(default_factory=dict)

    @property
    def busiest(self) -> int:
        """The most lines within one minute of the clock; 0 where no line names a time."""
        return max(self.minutes.values(), default=0)

    def take(self, line: Line) -> None:
        """One more line."""
        self.count += 1
        self.sample = self.sample or line.raw
        if line.at is not None:
            minute = int(line.at.timestamp()) // 60
            self.minutes[minute] = self.minutes.get(minute, 0) + 1
            self.first = min(self.first or line.at, line.at)
            if self.last is None or line.at >= self.last:
                self.last, self.sample = line.at, line.raw

    def join(self, other: Tally) -> None:
        """All lines of another."""
        self.count += other.count
        self.first = min((at for at in (self.first, other.first) if at), default=None)
        if not self.sample or (other.last and (self.last is None or other.last > self.last)):
            self.sample = other.sample
        self.last = max((at for at in (self.last, other.last) if at), default=None)
        for minute, count in other.minutes.items():
            self.minutes[minute] = self.minutes.get(minute, 0) + count


class Key(NamedTuple):
    """What lines of one template have in common before Drain has seen them."""

    level: str
    access: bool
    text: str


Tallies = dict[Key, Tally]
"""The lines of one log, masked and counted: what `join` needs of it. Small, and can be pickled."""


def templates(lines: Iterable[str]) -> list[Template]:
    """The templates of some lines, most frequent first."""
    found = shared({"": lines})
    return sorted((each.groups[""] for each in found), key=lambda one: (-one.count, one.text))


def tally(lines: Iterable[str]) -> Tallies:
    """The lines of one log, masked and counted."""
    made: Tallies = {}
    for line in read(lines):
        key = Key(line.level, line.access, line.text if line.access else mask(line.text))
        made.setdefault(key, Tally()).take(line)
    return made


def shared(groups: Mapping[K, Iterable[str]]) -> list[Shared[K]]:
    """The templates of the lines of several groups, mined together, sorted by level and text."""
    return join({group: tally(lines) for group, lines in groups.items()})


def join(groups: Mapping[K, Tallies]) -> list[Shared[K]]:
    """As `shared`, of lines that were tallied before."""
    joined: dict[Key, dict[K, Tally]] = {}
    keys = dict.fromkeys(key for tallies in groups.values() for key in tallies)
    names = _mine(keys)
    for group, tallies in groups.items():
        for key, one in tallies.items():
            joined.setdefault(names[key], {}).setdefault(group, Tally()).join(one)
    return [_shared(key, joined[key]) for key in sorted(joined)]


def _shared(key: Key, tallies: dict[K, Tally]) -> Shared[K]:
    return Shared(
        key.text,
        key.level,
        key.access,
        {
            group: Template(key.text, key.level, one.count, one.first, one.last, one.sample, key.access, one.busiest)
            for group, one in tallies.items()
        },
    )


def mask(text: str) -> str:
    """The text with times, addresses, numbers, hashes and the random ends of pods' names as `<*>`."""
    text = text[:WIDTH]
    if "=" in text:
        text = _PAIR.sub(lambda pair: pair[0] if pair[1] in _TOLD else f"{pair[1]}=<*>", text)
    text = _VALUES.sub("<*>", _POD.sub("-<*>", text))
    return " ".join(text.split()[:MAX_TOKENS])


def _mine(keys: Iterable[Key]) -> dict[Key, Key]:
    """key → the key of its template. Lines of an access log are templates as they are."""
    from drain3.drain import Drain

    miners: dict[str, Drain] = {}
    clusters: dict[Key, Any] = {}
    named: dict[Key, Key] = {}
    for key in sorted(keys):
        if key.access or len(clusters) >= MAX_DISTINCT:
            named[key] = key if key.access else key._replace(text=" ".join(key.text.split()[:4]))
            continue
        miner = miners.get(key.level)
        if miner is None:
            miner = miners[key.level] = Drain(depth=5, sim_th=0.6, parametrize_numeric_tokens=False)
        clusters[key] = miner.add_log_message(key.text)[0]
    for key, cluster in clusters.items():
        named[key] = key._replace(text=cluster.get_template())
    return named
