"""Drift as it is shown: alike proxies together, both values side by side, the difference marked inside them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from bugbundle.analysis import Analysis
from bugbundle.diff import ABSENT
from bugbundle.redact import Redactor
from bugbundle.report.words import clip
from bugbundle.sync import Drift, FieldDrift, ProxySync

MAX_GROUPS = 60
MAX_DRIFTS = 40
MAX_FIELDS = 12
MAX_VALUE = 1500
MAX_TOTAL = 800_000
"""Characters of values on the whole page; fields beyond it are counted, not shown."""

MAX_TOKENS = 600
"""Beyond so many words in a value only what both begin and end with is told apart."""


class Piece(NamedTuple):
    """A stretch of a value, and whether the other side has it otherwise."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Values:
    """One field, both sides; None where a side does not have it."""

    path: str
    istiod: tuple[Piece, ...] | None
    envoy: tuple[Piece, ...] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One drift. `fields_cut` counts the fields that are not shown."""

    drift: Drift
    fields: tuple[Values, ...]
    fields_cut: int


@dataclass(frozen=True, slots=True)
class Group:
    """Proxies that drift alike. `apart`: the most seconds between the two accounts of one."""

    proxies: tuple[str, ...]
    drifts: tuple[Shown, ...]
    drifts_cut: int
    apart: float | None

    @property
    def meaning(self) -> str:
        """What all of them mean; empty where they mean different things."""
        found = {str(item.drift.meaning) for item in self.drifts}
        return found.pop() if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Drifts:
    """All of them; `cut` counts the proxies whose drift is not shown."""

    groups: tuple[Group, ...]
    cut: int
    proxies: int


def drifts(analysis: Analysis) -> Drifts:
    """The drift of every proxy that has any; single proxies and rare drifts first."""
    groups: dict[str, list[ProxySync]] = {}
    for found in analysis.sync:
        if found.drifts:
            groups.setdefault(_signature(found.drifts), []).append(found)
    ordered = sorted(groups.values(), key=lambda alike: (len(alike), alike[0].proxy))
    writer = _Writer()
    shown = tuple(_group(alike, writer) for alike in ordered[:MAX_GROUPS])
    cut = sum(len(alike) for alike in ordered[MAX_GROUPS:])
    return Drifts(shown, cut, sum(len(alike) for alike in ordered))


def _signature(found: Sequence[Drift]) -> str:
    """Equal where two proxies drift alike (their pointers differ)."""
    return repr([(d.kind, d.name, d.change, d.meaning, d.config, d.fields, d.fields_cut) for d in found])


def _group(alike: list[ProxySync], writer: _Writer) -> Group:
    first = alike[0].drifts
    gaps = [found.apart for found in alike if found.apart is not None]
    return Group(
        tuple(found.proxy for found in alike),
        tuple(_shown(drift, writer) for drift in first[:MAX_DRIFTS]),
        max(len(first) - MAX_DRIFTS, 0),
        max(gaps) if gaps else None,
    )


def _shown(drift: Drift, writer: _Writer) -> Shown:
    fields = tuple(writer.values(field) for field in drift.fields[:MAX_FIELDS] if writer.left > 0)
    return Shown(drift, fields, drift.fields_cut + len(drift.fields) - len(fields))


class _Writer:
    """Values as people read them, secrets taken out; `left` is the number of characters that the page has room for."""

    def __init__(self) -> None:
        self.left = MAX_TOTAL
        self._redactor = Redactor()

    def values(self, field: FieldDrift) -> Values:
        """One field, both sides."""
        member = field.path.rpartition("/")[2]
        left, right = self._text(field.istiod, member), self._text(field.envoy, member)
        self.left -= len(left or "") + len(right or "")
        if left is None or right is None:
            one = (Piece(left, False),) if left is not None else None
            other = (Piece(right, False),) if right is not None else None
            return Values(field.path, one, other)
        return Values(field.path, *mark(left, right))

    def _text(self, value: Any, member: str) -> str | None:
        """One side; None where it has nothing."""
        if value is ABSENT:
            return None
        body = json.dumps({member: value}, ensure_ascii=False, default=str).encode("utf-8", "replace")
        kept = json.loads(self._redactor.redact("proxies/-/-/config_dump.json", body).body)[member]
        text = kept if isinstance(kept, str) else json.dumps(kept, indent=2, ensure_ascii=False)
        return clip(text, MAX_VALUE) or '""'


def mark(left: str, right: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both texts cut into pieces: those that are alike and those that are not."""
    lefts, rights = (re.findall(r"\w+|\s+|[^\w\s]", text) for text in (left, right))
    if max(len(lefts), len(rights)) > MAX_TOKENS:
        return _ends(left, right)
    one: list[Piece] = []
    other: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(None, lefts, rights, autojunk=False).get_opcodes():
        for pieces, text in ((one, "".join(lefts[a:b])), (other, "".join(rights[c:d]))):
            if text:
                pieces.append(Piece(text, tag != "equal"))
    return tuple(one), tuple(other)


def _ends(left: str, right: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    head = 0
    shortest = min(len(left), len(right))
    while head < shortest and left[head] == right[head]:
        head += 1
    tail = 0
    while tail < shortest - head and left[-1 - tail] == right[-1 - tail]:
        tail += 1

    def cut(text: str) -> tuple[Piece, ...]:
        middle = len(text) - tail
        pieces = (Piece(text[:head], False), Piece(text[head:middle], True), Piece(text[middle:], False))
        return tuple(piece for piece in pieces if piece.text)

    return cut(left), cut(right)
