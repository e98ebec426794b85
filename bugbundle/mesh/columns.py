"""Config dumps as columns: what a dump holds of one kind, as numbers of distinct contents.

Dumps of a mesh hold the same resources over and over. Each distinct content (kind, name and meaning) has a number; a
`Column` is the contents of one kind and some sections of a dump, and equal columns are one object, however many dumps
have them. So equal columns are compared by identity, and what is worked out of one (`once`) holds for all proxies
that have it. Only what differs becomes a `Resource`.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Hashable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from bugbundle.mesh.fact_table import FactTable
from bugbundle.mesh.facts import Facts
from bugbundle.xds.index import NO_BODY, RowClass, Rows, XdsIndex
from bugbundle.xds.kinds import Xds


class Content(NamedTuple):
    """One distinct content: `number` counts them, `body` is the first body that has it, in the index."""

    number: int
    name: str
    meaning: bytes
    body: int


class Column:
    """What a dump has of one kind in some sections, in its order; `bare` are the names of resources without a body."""

    def __init__(self, contents: tuple[Content, ...], bare: tuple[str, ...], facts: FactTable) -> None:
        self.contents = contents
        self.bare = bare
        self.kept: dict[Hashable, Any] = {}
        """What `once` keeps."""
        self.table = facts

    def __bool__(self) -> bool:
        return bool(self.contents or self.bare)

    def facts(self, content: Content) -> Facts:
        """What rules need of a content."""
        return self.table.of(content.body)

    @functools.cached_property
    def named(self) -> dict[str, Content]:
        """name → content; the last wins where a name stands twice."""
        return {content.name: content for content in self.contents}

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """The names of all resources, also of those without a body."""
        return frozenset({*self.named, *self.bare})


class Run(NamedTuple):
    """Neighbouring rows of one class."""

    row: RowClass
    start: int
    end: int


class Columns:
    """All columns of a mesh: equal ones are one object."""

    def __init__(self, index: XdsIndex, facts: FactTable) -> None:
        self._index = index
        self._facts = facts
        self._contents: list[Content] = []
        self._by_key: dict[tuple[str, str, bytes], int] = {}
        self._of_body = array("I")
        self._known: dict[tuple[bytes, tuple[str, ...]], Column] = {}

    def runs(self, rows: Rows) -> list[Run]:
        """The rows of a dump by class: sections stand together."""
        found: list[Run] = []
        start = 0
        for number, group in groupby(rows.classes):
            end = start + len(list(group))
            found.append(Run(self._index.classes[number], start, end))
            start = end
        return found

    def contents(self, rows: Rows) -> array[int]:
        """The content's number for each row of a dump; NO_BODY where a row has no body."""
        self._extend()
        if NO_BODY in rows.bodies:
            return array("I", (NO_BODY if body == NO_BODY else self._of_body[body] for body in rows.bodies))
        return array("I", map(self._of_body.__getitem__, rows.bodies))

    def column(self, numbers: Iterable[array[int]], bare: tuple[str, ...]) -> Column:
        """The one column with these contents."""
        key = (b"".join(part.tobytes() for part in numbers), bare)
        known = self._known.get(key)
        if known is None:
            wanted = array("I")
            wanted.frombytes(key[0])
            contents = tuple(self._contents[number] for number in wanted if number != NO_BODY)
            known = self._known[key] = Column(contents, bare, self._facts)
        return known

    def _extend(self) -> None:
        """Number the contents of bodies that have come into the index since."""
        bodies = self._index.bodies
        for number in range(len(self._of_body), len(bodies)):
            body = bodies[number]
            key = (body.kind, body.name, body.meaning)
            known = self._by_key.get(key)
            if known is None:
                known = self._by_key[key] = len(self._contents)
                self._contents.append(Content(known, body.name, body.meaning, number))
            self._of_body.append(known)


def wanted(runs: Iterable[Run], kind: Xds | None, sections: frozenset[str]) -> Iterator[Run]:
    """The runs of one kind (None: of all); of some sections where any are named."""
    return (run for run in runs if kind in (None, run.row.kind) and (not sections or run.row.section in sections))
