"""The index of all config dumps: which resource stands where, each distinct body known once.

Built as dumps come by (`add`), written as three blobs, read back lazily. A row of a dump is (class, position, body):
the class holds what rows share (kind, section, version, the place in the dump), the body is a number into the table
of distinct bodies, which holds name, raw hash, meaning's hash and the span of its first occurrence.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bugbundle.codec import Raw, Struct, decode, encode_packed, hash128, read_packed
from bugbundle.errors import BugbundleError
from bugbundle.xds.canonical import canonical
from bugbundle.xds.kinds import MESSAGES, Xds
from bugbundle.xds.split import Item, split

VERSION = 1
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


class Body(Struct, array_like=True, gc=False):
    """One distinct body: where it was first seen, its name, its hashes (16 bytes each)."""

    kind: str
    name: str
    raw: bytes
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


class XdsIndex:
    """All dumps of a bundle. `read` gives the bytes of an entry, for dumps and bodies not yet looked at."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self.read = read
        self.bodies: list[Body] = []
        self.classes: list[RowClass] = []
        self.dumps: dict[str, Rows] = {}
        self._by_raw: dict[bytes, int] = {}
        self._by_class: dict[RowClass, int] = {}
        self._sorted: dict[bytes, tuple[str, bytes]] = {}

    def rows(self, path: str) -> Rows:
        """The rows of one dump, split now if it has not been before. KeyError where there is no such entry."""
        known = self.dumps.get(path)
        return known if known is not None else self.add(path, self.read(path))

    def add(self, path: str, data: bytes) -> Rows:
        """Take one dump in. A dump that cannot be read has no rows and a `problem`."""
        rows = self.dumps[path] = Rows()
        try:
            parts = split(data, path)
        except BugbundleError as error:
            rows.problem = error.what
            return rows
        place = 0
        for item in parts.items:
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
        return rows

    def body_text(self, number: int) -> bytes:
        """The bytes of one distinct body."""
        body = self.bodies[number]
        return self.read(body.entry)[body.offset : body.offset + body.length]

    def _new(self, item: Item, raw: bytes, path: str, place: int) -> int:
        assert item.body is not None
        name, meaning = self._meaning(item)
        number = self._by_raw[raw] = len(self.bodies)
        self.bodies.append(Body(item.kind, name, raw, meaning, path, place, len(memoryview(item.body))))
        return number

    def _meaning(self, item: Item) -> tuple[str, bytes]:
        """Name and meaning's hash; bodies that differ only in the order of members are canonicalised once."""
        assert item.body is not None
        value = decode(item.body, item.pointer)
        key = hash128(item.kind.encode() + encode_packed(value, ordered=True))
        known = self._sorted.get(key)
        if known is None:
            meaning = hash128(encode_packed(canonical(value, MESSAGES.get(item.kind, "")), ordered=True))
            known = self._sorted[key] = (name_of(value, item.name), meaning)
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
        """The whole index as bytes."""
        dumps = [
            (path, rows.classes.tobytes(), rows.positions.tobytes(), rows.bodies.tobytes(), rows.problem)
            for path, rows in self.dumps.items()
        ]
        return encode_packed((VERSION, self.classes, self.bodies, dumps))

    @classmethod
    def decode(cls, data: bytes, read: Callable[[str], bytes]) -> XdsIndex:
        """Read back what `encode` wrote. Raises `BugbundleError` for anything else, or another version."""
        version, classes, bodies, dumps = read_packed(data, _Shape)
        if version != VERSION:
            raise BugbundleError(f"index version {version}, this is {VERSION}")
        index = cls(read)
        index.classes, index.bodies = classes, bodies
        index._by_raw = {body.raw: number for number, body in enumerate(bodies)}
        index._by_class = {made: number for number, made in enumerate(classes)}
        for path, *parts, problem in dumps:
            rows = index.dumps[path] = Rows(problem=problem)
            for target, part in zip((rows.classes, rows.positions, rows.bodies), parts, strict=True):
                target.frombytes(part)
            index._check(path, rows)
        return index

    def _check(self, path: str, rows: Rows) -> None:
        """An index that lies is no index."""
        if not len(rows.classes) == len(rows.positions) == len(rows.bodies):
            raise BugbundleError(f"index of {path} is uneven")
        if rows.classes and max(rows.classes) >= len(self.classes):
            raise BugbundleError(f"index of {path} points nowhere")
        worst = max((number for number in set(rows.bodies) if number != NO_BODY), default=-1)
        if worst >= len(self.bodies):
            raise BugbundleError(f"index of {path} points nowhere")


_Shape = tuple[int, list[RowClass], list[Body], list[tuple[str, bytes, bytes, bytes, str]]]


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
    cut = 4 if len(parts) > 4 else len(parts) - 1
    return "/".join(parts[:cut]), "".join(f"/{part}" for part in parts[cut + 1 :])


def _position(pointer: str) -> int:
    parts = pointer.split("/")
    return int(parts[4] if len(parts) > 4 else parts[-1])


def _find(data: bytes, body: Raw, start: int) -> int:
    """The offset of a body in its dump: bodies come in order, so the search goes on from the last one."""
    text = bytes(body)
    place = data.find(text, start)
    return place if place >= 0 else max(data.find(text), 0)


def iter_kind(index: XdsIndex, rows: Rows, kind: Xds) -> Iterator[tuple[RowClass, int, int]]:
    """The rows of one kind: (class, position, body number)."""
    wanted = {number for number, made in enumerate(index.classes) if made.kind == kind}
    for number, position, body in zip(rows.classes, rows.positions, rows.bodies, strict=True):
        if number in wanted:
            yield index.classes[number], position, body
