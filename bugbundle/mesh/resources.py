"""Config dumps as resources: bodies parsed on demand, facts remembered per distinct body."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Iterator
from typing import Any

from bugbundle.bundle import Bundle
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh.columns import Column, Columns, Run, wanted
from bugbundle.mesh.fact_table import FactTable
from bugbundle.mesh.facts import BootstrapFacts, Facts
from bugbundle.mesh.pointer import Pointer
from bugbundle.xds import Split, Xds, split
from bugbundle.xds.index import NO_BODY, RowClass, Rows, XdsIndex


class Resource:
    """One xDS resource in one dump.

    `section` is `static`, `dynamic_active`, `dynamic_warming`, `dynamic_draining`, `dynamic_rejected` or `flat`
    (a bare resource); `meaning` is the hash of its canonical form, empty where there is no body; two resources with
    the same `number` have the same bytes.
    """

    __slots__ = ("_class", "_dump", "number", "position")

    def __init__(self, dump: Dump, made: RowClass, position: int, number: int) -> None:
        self._dump = dump
        self._class = made
        self.position = position
        self.number = number

    def __repr__(self) -> str:
        return f"Resource({self.kind} {self.name!r} {self.section} of {self._dump.entry})"

    @property
    def kind(self) -> Xds:
        """CDS, LDS, …"""
        return Xds(self._class.kind)

    @property
    def section(self) -> str:
        """Where in the dump it stands."""
        return self._class.section

    @property
    def version(self) -> str:
        """`version_info`."""
        return self._class.version

    @property
    def has_error(self) -> bool:
        """Whether Envoy has an `error_state` for it."""
        return self._class.error

    @property
    def name(self) -> str:
        """Its own name, as in the body."""
        return self._class.name if self.number == NO_BODY else self._dump.index.bodies[self.number].name

    @property
    def has_body(self) -> bool:
        """False where Envoy rejected the first that it was sent, and so runs nothing of this name."""
        return self.number != NO_BODY

    @property
    def meaning(self) -> bytes:
        """xxh3-128 of the canonical form."""
        return b"" if self.number == NO_BODY else self._dump.index.bodies[self.number].meaning

    @property
    def pointer(self) -> Pointer:
        """Where the body stands."""
        return Pointer(self._dump.entry, f"{self._class.pointer}/{self.position}{self._class.suffix}")

    def body(self) -> Any:
        """The parsed body; None where Envoy has none. Not kept: ask once."""
        if self.number == NO_BODY:
            return None
        return decode(self._dump.index.body_text(self.number), str(self.pointer))

    @property
    def table(self) -> FactTable:
        """The facts of all contents of its mesh."""
        return self._dump.facts

    def facts(self) -> Facts:
        """What rules need of it (`bugbundle.mesh.facts`), worked out once per distinct content."""
        return self._dump.facts.of(self.number)

    @property
    def error_state(self) -> dict[str, Any]:
        """Envoy's `error_state`: details, last_update_attempt, version_info (snake_case or camelCase)."""
        raw = self._dump.item_error(self.pointer.pointer) if self.has_error else None
        value = decode(raw) if raw is not None else {}
        return value if isinstance(value, dict) else {}

    @property
    def last_updated(self) -> str:
        """When Envoy took it, as it wrote it; splits the dump again, so ask for few."""
        return self._dump.item_time(self.pointer.pointer)


class Dump:
    """One config dump: Envoy's or istiod's."""

    def __init__(self, bundle: Bundle, index: XdsIndex, facts: FactTable, columns: Columns, entry: str) -> None:
        self.bundle = bundle
        self.index = index
        self.facts = facts
        self.entry = entry
        self._columns = columns
        self._known: dict[tuple[Xds, tuple[str, ...]], Column] = {}

    @functools.cached_property
    def _rows(self) -> Rows:
        try:
            return self.index.rows(self.entry)
        except (BugbundleError, KeyError) as error:
            return Rows(problem=error.what if isinstance(error, BugbundleError) else "not recorded")

    @property
    def problem(self) -> str:
        """Why it cannot be read; empty if it can."""
        return self._rows.problem

    def resources(self, kind: Xds | None = None, section: str | None = None) -> Iterator[Resource]:
        """Its resources, in the dump's order."""
        rows = self._rows
        for made, start, end in self._runs:
            if (kind is None or made.kind == kind) and (section is None or made.section == section):
                for place in range(start, end):
                    yield Resource(self, made, rows.positions[place], rows.bodies[place])

    def column(self, kind: Xds, *sections: str) -> Column:
        """The contents of one kind (in these sections, where any are named), the same object for equal ones."""
        known = self._known.get((kind, sections))
        if known is None:
            runs = list(wanted(self._runs, kind, frozenset(sections)))
            parts = [self._contents[start:end] for _, start, end in runs]
            bare = tuple(made.name for made, start, end in runs if self._is_bare(start))
            known = self._known[kind, sections] = self._columns.column(parts, bare)
        return known

    def has(self, kind: Xds | None, *sections: str) -> bool:
        """Whether it has any resource of one kind (in these sections, where any are named)."""
        return any(True for _ in wanted(self._runs, kind, frozenset(sections)))

    def rejected(self, kind: Xds) -> Iterator[Resource]:
        """The resources of one kind of which Envoy rejected an update."""
        if any(run.row.error for run in wanted(self._runs, kind, frozenset())):
            yield from (resource for resource in self.resources(kind) if resource.has_error)

    def find(self, kind: Xds, name: str, *sections: str) -> Resource | None:
        """The resource of a name, with a body; the last where it stands twice."""
        last = None
        for made, start, end in wanted(self._runs, kind, frozenset(sections)):
            for place in range(start, end):
                one = Resource(self, made, self._rows.positions[place], self._rows.bodies[place])
                last = one if one.has_body and one.name == name else last
        return last

    @functools.cached_property
    def _runs(self) -> list[Run]:
        return self._columns.runs(self._rows)

    @functools.cached_property
    def _contents(self) -> array[int]:
        return self._columns.contents(self._rows)

    def _is_bare(self, place: int) -> bool:
        return self._rows.bodies[place] == NO_BODY

    def named(self, kind: Xds, section: str = "dynamic_active") -> dict[str, Resource]:
        """name → resource of one kind and section; the last wins where a name stands twice."""
        return {resource.name: resource for resource in self.resources(kind, section)}

    @property
    def parts(self) -> Split:
        """The dump taken apart again, with times, errors and sections. Not kept: ask once. Raises `DumpError`."""
        return split(self.bundle[self.entry], self.entry)

    @functools.cached_property
    def _items(self) -> dict[str, tuple[str, bytes | None]]:
        """pointer → (time, error) of every resource."""
        found = self.parts.items
        return {i.pointer: (i.last_updated, None if i.error_state is None else bytes(i.error_state)) for i in found}

    def item_time(self, pointer: str) -> str:
        """`last_updated` of the resource at a pointer."""
        return self._items.get(pointer, ("", None))[0]

    def item_error(self, pointer: str) -> bytes | None:
        """`error_state` of the resource at a pointer."""
        return self._items.get(pointer, ("", None))[1]

    def node(self) -> dict[str, Any]:
        """The bootstrap's node; empty where the dump has none."""
        for resource in self.resources(Xds.BOOTSTRAP):
            facts = resource.facts()
            if isinstance(facts, BootstrapFacts):
                return facts.node
        return {}

    def bootstrap(self) -> dict[str, Any]:
        """The bootstrap, parsed; empty where the dump has none. Not kept: ask once."""
        found = next((resource.body() for resource in self.resources(Xds.BOOTSTRAP)), None)
        return found if isinstance(found, dict) else {}
