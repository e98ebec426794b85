"""The index of all config dumps: which resource stands where, each distinct body known once.

Built as dumps come by (`add`), written as three blobs, read back lazily. A row of a dump is (class, position, body):
the class holds what rows share (kind, section, version, the place in the dump), the body is a number into the table
of distinct bodies, which holds name, raw hash, meaning's hash and the span of its first occurrence.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from typing import Any, Protocol

from bugbundle.codec import Raw, Struct, decode, encode_packed, hash128, read_packed
from bugbundle.errors import BugbundleError
from bugbundle.xds.canonical import canonical
from bugbundle.xds.kinds import MESSAGES, Xds
from bugbundle.xds.split import Item, split

VERSION = 2
"""Raised when the canonical form or this layout changes: an index of another version is not used but rebuilt."""


class RowClass(Struct, frozen=True, array_like=True):
    """What rows share: `pointer` up to the position, `suffix` behind it."""

    kind: str
    section: str
    version: str
    pointer: str
    suffix: str
    error: bool
    name: str


class Body(Struct, gc=False):
    """One distinct body: its name, the hash of its meaning (16 bytes), where it was first seen."""

    kind: str
    name: str
    meaning: bytes
    entry: str
    offset: int
    length: int


@dataclass(slots=True)
class Rows:
    """One dump: three parallel arrays; `problem` where it could not be read, `unknown` sections kept."""

    classes: array[int] = field(default_factory=lambda: array("I"))
    positions: array[int] = field(default_factory=lambda: array("I"))
    bodies: array[int] = field(default_factory=lambda: array("I"))
    problem: str = ""


NO_BODY = 0xFFFFFFFF


class Parts(Protocol):
    """Reads parts of entries, in their order, without looking at the whole of each."""

    def part(self, path: str, offset: int, length: int) -> bytes:
        """These bytes of an entry. Raises `BundleError` where they cannot be read."""

    def finish(self) -> bool:
        """Whether all that was given is sound, as far as checksums tell."""


class XdsIndex:
    """All dumps of a bundle. `read` gives the bytes of an entry, for dumps and bodies not yet looked at."""

    def __init__(self, read: Callable[[str], bytes], parts: Parts | None = None) -> None:
        self.read = read
        self._parts = parts
        self._sound = True
        self._open: tuple[str, bytes] = ("", b"")
        self.bodies: list[Body] = []
        self.classes: list[RowClass] = []
        self.dumps: dict[str, Rows] = {}
        self._by_raw: dict[bytes, int] = {}
        self._by_class: dict[RowClass, int] = {}
        self._sorted: dict[bytes, tuple[str, bytes]] = {}
        self._packed: dict[str, tuple[bytes, bytes, bytes, str]] = {}

    def rows(self, path: str) -> Rows:
        """The rows of one dump, split now if it has not been before. KeyError where there is no such entry."""
        known = self.dumps.get(path)
        if known is None and path in self._packed:
            known = self.dumps[path] = self._unpack(path)
            self._packed[path] = (b"", b"", b"", "")  # unpacked once: the bytes are not needed again
        return known if known is not None else self.add(path, self.read(path))

    def add(self, path: str, data: bytes) -> Rows:
        """Take one dump in. A dump that cannot be read has no rows and a `problem`."""
        rows = self.dumps[path] = Rows()
        try:
            parts = split(data, path)
        except BugbundleError as error:
            rows.problem = error.what
            return rows
        try:
            self._fill(rows, parts.items, path, data)
        except BugbundleError as error:
            # Half a dump would make what it lacks look missing.
            rows = self.dumps[path] = Rows()
            rows.problem = error.text
        return rows

    def _fill(self, rows: Rows, items: Iterable[Item], path: str, data: bytes) -> None:
        place = 0
        for item in items:
            rows.classes.append(self._class(item))
            rows.positions.append(_position(item.pointer))
            if item.body is None:
                rows.bodies.append(NO_BODY)
                continue
            raw = hash128(item.body)
            number = self._by_raw.get(raw)
            if number is None:
                place = _find(data, item.body, place)
                number = self._new(item, raw, path, place)
            rows.bodies.append(number)

    def text(self, number: int) -> bytes:
        """The bytes of one distinct body, for who asks for one after the other in the bundle's order."""
        body = self.bodies[number]
        if self._parts is not None:
            try:
                return self._parts.part(body.entry, body.offset, body.length)
            except BugbundleError:
                self._parts, self._sound = None, False  # whole entries from now on: their hashes tell damage
        if self._open[0] != body.entry:
            self._open = (body.entry, self.read(body.entry))
        return self._open[1][body.offset : body.offset + body.length]

    def finish(self) -> bool:
        """Let go of what `text` holds open; False where what it gave turned out to be damaged: ask again."""
        self._open = ("", b"")
        parts, self._parts = self._parts, None
        sound = parts is None or parts.finish()
        sound, self._sound = sound and self._sound, True
        return sound

    def body_text(self, number: int) -> bytes:
        """The bytes of one distinct body."""
        body = self.bodies[number]
        return self.read(body.entry)[body.offset : body.offset + body.length]

    def _new(self, item: Item, raw: bytes, path: str, place: int) -> int:
        assert item.body is not None
        name, meaning = self._meaning(item)
        number = self._by_raw[raw] = len(self.bodies)
        self.bodies.append(Body(item.kind, name, meaning, path, place, len(memoryview(item.body))))
        return number

    def _meaning(self, item: Item) -> tuple[str, bytes]:
        """Name and meaning's hash; bodies that differ only in the order of members are canonicalised once."""
        assert item.body is not None
        value = decode(item.body, item.pointer)
        key = hash128(item.kind.encode() + encode_packed(value, ordered=True))
        known = self._sorted.get(key)
        if known is None:
            known = self._sorted[key] = (name_of(value, item.name), _meaning(item.kind, value, key))
        return known

    def _class(self, item: Item) -> int:
        head, tail = _ends(item.pointer)
        name = item.name if item.body is None else ""
        made = RowClass(item.kind, item.section, item.version, head, tail, item.error_state is not None, name)
        number = self._by_class.get(made)
        if number is None:
            number = self._by_class[made] = len(self.classes)
            self.classes.append(made)
        return number

    def encode(self) -> bytes:
        """The whole index as bytes: tables of what repeats, then columns of numbers."""
        kinds, names, meanings, entries = (Table() for _ in range(4))
        columns = [array("I") for _ in range(6)]
        last = ("", 0)
        for body in self.bodies:
            start = last[1] if body.entry == last[0] and body.offset >= last[1] else 0
            row = (
                kinds.number(body.kind),
                names.number(body.name),
                meanings.number(body.meaning),
                entries.number(body.entry),
                body.offset - start,
                body.length,
            )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            last = (body.entry, body.offset + body.length)
        dumps = [
            (path, rows.classes.tobytes(), _pack(rows.positions), _pack(rows.bodies), rows.problem)
            for path, rows in self.dumps.items()
        ]
        tables = (kinds.items, names.items, meanings.items, entries.items)
        parts = (VERSION, sys.byteorder, self.classes, tables, [c.tobytes() for c in columns], dumps)
        return encode_packed(parts)

    @classmethod
    def decode(cls, data: bytes, read: Callable[[str], bytes], parts: Parts | None = None) -> XdsIndex:
        """Read back what `encode` wrote. Raises `BugbundleError` for anything else, or another version."""
        version, order, classes, tables, columns, dumps = read_packed(data, _Shape)
        if version != VERSION or order != sys.byteorder:
            raise BugbundleError(f"index version {version} {order}, this is {VERSION} {sys.byteorder}")
        index = cls(read, parts)
        index.classes = classes
        index._by_class = {made: number for number, made in enumerate(classes)}
        try:
            index.bodies = _bodies(tables, [_column(part) for part in columns])
        except (IndexError, ValueError, OverflowError) as error:
            raise BugbundleError(f"index is not sound ({type(error).__name__})") from None
        index._packed = {path: tuple(rest) for path, *rest in dumps}
        return index

    def _unpack(self, path: str) -> Rows:
        """One dump's rows out of the stored index. Raises `BugbundleError` where they are not sound."""
        classes, positions, bodies, problem = self._packed[path]
        try:
            rows = Rows(_column(classes), _unpack(positions), _unpack(bodies), problem)
        except ValueError:
            raise BugbundleError("index is not sound", where=path) from None
        self._check(path, rows)
        return rows

    def _check(self, path: str, rows: Rows) -> None:
        """An index that lies is no index."""
        if not len(rows.classes) == len(rows.positions) == len(rows.bodies):
            raise BugbundleError(f"index of {path} is uneven")
        numbers = set(rows.bodies) - {NO_BODY}
        if max(rows.classes, default=-1) >= len(self.classes) or max(numbers, default=-1) >= len(self.bodies):
            raise BugbundleError(f"index of {path} points nowhere")


_Tables = tuple[list[str], list[str], list[bytes], list[str]]
_Shape = tuple[int, str, list[RowClass], _Tables, list[bytes], list[tuple[str, bytes, bytes, bytes, str]]]


class Table:
    """Numbers for values, in the order in which they come."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._numbers: dict[Any, int] = {}

    def number(self, value: Any) -> int:
        """The number of a value, a new one if it is new."""
        known = self._numbers.get(value)
        if known is None:
            known = self._numbers[value] = len(self.items)
            self.items.append(value)
        return known


def _column(part: bytes) -> array[int]:
    column = array("I")
    column.frombytes(part)
    return column


def _pack(column: array[int]) -> bytes:
    """Differences between neighbours, which compress well: most rows come in order."""
    return array("I", ((b - a) & NO_BODY for a, b in pairwise(chain((0,), column)))).tobytes()


def _unpack(part: bytes) -> array[int]:
    return array("I", [number & NO_BODY for number in accumulate(_column(part))])


def _bodies(tables: _Tables, columns: list[array[int]]) -> list[Body]:
    kinds, names, meanings, entries = tables
    bodies: list[Body] = []
    entry, end = "", 0
    for kind, name, meaning, place, offset, length in zip(*columns, strict=True):
        path = entries[place]
        start = (end if path == entry else 0) + offset
        bodies.append(Body(kinds[kind], names[name], meanings[meaning], path, start, length))
        entry, end = path, start + length
    return bodies


def _meaning(kind: Xds, value: object, key: bytes) -> bytes:
    """The hash of the canonical form. A bootstrap is compared with nothing: its sorted form's hash will do."""
    if kind is Xds.BOOTSTRAP:
        return key
    return hash128(encode_packed(canonical(value, MESSAGES.get(kind, "")), ordered=True))


def name_of(value: object, fallback: str = "") -> str:
    """A resource's name as its kind spells it."""
    if isinstance(value, dict):
        for key in ("name", "cluster_name", "clusterName"):
            if isinstance(value.get(key), str):
                return str(value[key])
    return fallback


def _ends(pointer: str) -> tuple[str, str]:
    """`/configs/1/static_clusters/3/cluster` → (`/configs/1/static_clusters`, `/cluster`)."""
    parts = pointer.split("/")
    cut = _last_number(parts)
    return "/".join(parts[:cut]), "".join(f"/{part}" for part in parts[cut + 1 :])


def _position(pointer: str) -> int:
    parts = pointer.split("/")
    return int(parts[_last_number(parts)])


def _last_number(parts: list[str]) -> int:
    return max(place for place, part in enumerate(parts) if part.isdigit())


def _find(data: bytes, body: Raw, start: int) -> int:
    """The offset of a body in its dump: bodies come in order, so the search goes on from the last one."""
    text = bytes(body)
    place = data.find(text, start)
    return place if place >= 0 else max(data.find(text), 0)
