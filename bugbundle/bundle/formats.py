"""Format numbers: a bundle of an older format is read as if it were of the newest.

What changes from one format to the next is a `Step`: what to do with the header, with the manifest, with the names of
entries. Steps are applied on reading, one after the other; the file stays as it is, and `bugbundle convert` writes it
anew in the newest format. The bytes of entries never change: they are what the servers answered.

To make a new format: raise `FORMAT` (model.py), add the step from the old number to `FORMATS` here, write a bundle of
it into tests/bundle/formats/, and tell of it in docs/format.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bugbundle.bundle.layout import check_name
from bugbundle.bundle.model import FORMAT, Damage
from bugbundle.errors import BundleError

if TYPE_CHECKING:
    from bugbundle.bundle.reader import Store
    from bugbundle.xds.index import XdsIndex

Object = dict[str, Any]


def same(value: Any) -> Any:
    """Nothing changes."""
    return value


@dataclass(frozen=True, slots=True)
class Step:
    """From one format to the next: `header` and `manifest` as JSON objects, `name` of an entry (in rows too)."""

    header: Callable[[Object], Object] = same
    manifest: Callable[[Object], Object] = same
    name: Callable[[str], str] = same


@dataclass(frozen=True, slots=True)
class Formats:
    """The newest format that is read, and number → the step from it to the next."""

    newest: int = FORMAT
    steps: Mapping[int, Step] = field(default_factory=dict)

    def number(self, raw: Object, where: str) -> int:
        """The format that a header or manifest says it has. Raises `BundleError` where that cannot be read."""
        number = raw.get("format")
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise BundleError("has no format number", where=where, todo="This is no bundle")
        if number > self.newest:
            raise BundleError(
                f"format {number} is newer than {self.newest}, the newest that this version reads",
                where=where,
                todo="Update bugbundle (pip install --upgrade bugbundle)",
            )
        return number

    def header(self, raw: Object, number: int) -> Object:
        """A header of format `number` as one of the newest."""
        for step in self._from(number):
            raw = step.header(raw)
        return raw

    def manifest(self, raw: Object, number: int) -> Object:
        """A manifest of format `number` as one of the newest, its rows under the newest names."""
        for step in self._from(number):
            raw = step.manifest(raw)
        renamed = {part: [self._row(row, number) for row in _rows(raw, part)] for part in ("entries", "gaps")}
        return {**raw, **renamed}

    def name(self, path: str, number: int) -> str:
        """The newest name of an entry that format `number` calls `path`."""
        for step in self._from(number):
            path = step.name(path)
        return path

    def _row(self, row: Any, number: int) -> Any:
        if isinstance(row, dict) and isinstance(row.get("path"), str):
            return {**row, "path": self.name(row["path"], number)}
        return row

    def _from(self, number: int) -> Iterator[Step]:
        return (self.steps.get(at, Step()) for at in range(number, self.newest))


FORMATS = Formats(FORMAT, {})
"""Format 1 is the first, so there is no step yet."""


def _rows(raw: Object, part: str) -> list[Any]:
    rows = raw.get(part)
    return rows if isinstance(rows, list) else []


class Renamed:
    """A store of an older format under the newest names. Raises `BundleError` where two entries get one name."""

    def __init__(self, store: Store, formats: Formats, number: int) -> None:
        self.origin = store.origin
        self.damage = [Damage(formats.name(spot.path, number), spot.reason) for spot in store.damage]
        self.notes = store.notes
        self._store = store
        self._stored = {check_name(formats.name(path, number)): path for path in store.names()}
        if len(self._stored) != len(store.names()):
            raise BundleError(f"format {number} with a name twice", where=self.origin, todo="Ask for the file again")

    def names(self) -> list[str]:
        """Every entry."""
        return list(self._stored)

    def size(self, path: str) -> int:
        """Bytes of one entry."""
        return self._store.size(self._stored[path])

    def read(self, path: str) -> bytes:
        """One entry."""
        return self._store.read(self._stored[path])

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry in pieces."""
        return self._store.chunks(self._stored[path])

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """None: a stored index knows the older names, so it is built again."""
        return None
