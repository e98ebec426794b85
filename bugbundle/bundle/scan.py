"""Reading an archive that has no directory: cut off, damaged, or made by plain tar and zstd.

Walks the frames once, notes where each entry lies and what is damaged. Hostile archives end here in a `BundleError`:
everything that the file claims is bounded before it is believed.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from bugbundle.bundle import frames
from bugbundle.bundle.directory import FREE_RAW, MAX_ENTRIES, MAX_RATIO, Frame, Place
from bugbundle.bundle.layout import HEADER, check_name
from bugbundle.bundle.model import Damage
from bugbundle.errors import BundleError

BLOCK = tarfile.BLOCKSIZE
MAX_FRAMES = 100_000
_DIGITS = 19


class Hostile(BundleError):
    """An archive that no honest tool wrote: reading ends here."""

    def __init__(self, what: str) -> None:
        super().__init__(what, todo="This is not a bundle that bugbundle wrote")


@dataclass
class Scan:
    """What a walk found. `cut`: the file ends inside a frame or a member; `sealed`: the tar's end was there."""

    frames: list[Frame] = field(default_factory=list)
    entries: list[Place] = field(default_factory=list)
    damage: list[Damage] = field(default_factory=list)
    cut: bool = False
    sealed: bool = False


@dataclass
class _Member:
    """The member being read: how much of it is still to come; its bytes, if they are needed (long names)."""

    name: str
    start: int
    size: int
    left: int
    padding: int
    keep: bytearray | None = None
    kind: bytes = b"0"


def scan(source: BinaryIO, size: int) -> Scan:
    """Walk an archive of `size` bytes. Raises `BundleError` where it is no bundle, or hostile."""
    walk = _Walk(size)
    offset = 0
    while offset < size:
        try:
            offset = walk.frames_from(source, offset)
        except Hostile:
            raise
        except BundleError as error:
            if not walk.found.frames and not walk.found.entries and offset == 0:
                raise BundleError("is not a bundle", where="", todo="A bundle is a tar in zstd frames") from error
            following = frames.find_frame(source, offset + 1)
            walk.hole(f"damaged at byte {offset}")
            if following is None:
                break
            offset = following
    walk.finish()
    return walk.found


class _Walk:
    """The tar stream as it comes out of the frames, with holes where frames are damaged."""

    def __init__(self, size: int) -> None:
        self.found = Scan()
        self._size = size
        self._raw = 0
        self._pending = bytearray()
        self._member: _Member | None = None
        self._resync = False
        self._next_name = ""
        self._next_size: int | None = None
        self._names: set[str] = set()

    def frames_from(self, source: BinaryIO, start: int) -> int:
        """All frames up to the end of the file; the offset where it ends. Raises `BundleError` at a broken one."""
        offset = start
        for offset, length, pieces in frames.decode_frames(source, start):
            if len(self.found.frames) >= MAX_FRAMES:
                raise Hostile(f"more than {MAX_FRAMES} frames")
            raw, at = 0, self._raw
            try:
                for piece in pieces:
                    raw += len(piece)
                    self._feed(piece)
            except EOFError:
                self.found.cut = True
            except Hostile:
                raise
            except BundleError:
                self.hole(f"frame at byte {offset} is damaged")
            self.found.frames.append((offset, length, at, self._raw - at))
            offset += length
        return max(offset, self._size)

    def hole(self, reason: str) -> None:
        """Bytes are missing: the member being read is lost, and the next one begins with a frame."""
        name = self._member.name if self._member else ""
        self.found.damage.append(Damage(name or "(unknown entries)", reason))
        self._member, self._resync, self._next_name = None, True, ""
        self._pending.clear()

    def finish(self) -> None:
        """The end of the file."""
        if not self.found.sealed:
            self.found.cut = True
        if self._member is not None:
            self.found.damage.append(Damage(self._member.name, "the file ends inside it"))

    def _feed(self, piece: bytes) -> None:
        place = 0
        while place < len(piece):
            if self._raw > FREE_RAW and self._raw > MAX_RATIO * self._size:
                raise Hostile("unpacks to more than a bundle can hold")
            if self.found.sealed:
                self._raw += len(piece) - place
                return
            if self._member is not None and self._member.left + self._member.padding:
                place += self._body(memoryview(piece)[place:])
                continue
            take = min(BLOCK - len(self._pending), len(piece) - place)
            self._pending += piece[place : place + take]
            place += take
            self._raw += take
            if len(self._pending) == BLOCK:
                block = bytes(self._pending)
                self._pending.clear()
                self._header(block)

    def _body(self, piece: memoryview) -> int:
        """Pass over (or keep) a member's bytes; how many were taken."""
        member = self._member
        assert member is not None
        take = min(member.left, len(piece))
        if member.keep is not None:
            member.keep += piece[:take]
        member.left -= take
        pad = min(member.padding, len(piece) - take) if member.left == 0 else 0
        member.padding -= pad
        self._raw += take + pad
        if member.left == 0 and member.padding == 0:
            self._done(member)
        return take + pad

    def _header(self, block: bytes) -> None:
        if not any(block):
            self.found.sealed = True
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            if self._resync:
                return
            raise Hostile("is not a tar archive inside") from None
        self._resync = False
        self._begin(info)

    def _begin(self, info: tarfile.TarInfo) -> None:
        if self._next_size is not None and info.isreg():
            info.size = self._next_size
        if info.size < 0:
            raise Hostile("holds a member of negative size")
        padding = -info.size % BLOCK
        if info.type in (tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE):
            if info.size > 1 << 16:
                raise Hostile("holds an oversized header")
            self._start(_Member("", self._raw, info.size, info.size, padding, bytearray(), info.type))
            return
        name = self._next_name or info.name
        self._next_name, self._next_size = "", None
        if info.type == tarfile.DIRTYPE:
            return
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise Hostile(f"holds {name[:80]!a}, which is no plain file")
        self._start(_Member(_checked(name.removeprefix("./")), self._raw, info.size, info.size, padding))

    def _start(self, member: _Member) -> None:
        self._member = member
        if member.left + member.padding == 0:
            self._done(member)

    def _done(self, member: _Member) -> None:
        self._member = None
        if member.keep is not None:
            name, size = _extended(bytes(member.keep), member.kind)
            self._next_name = name or self._next_name
            self._next_size = size if size is not None else self._next_size
            return
        folded = member.name.lower()
        if folded in self._names:
            raise Hostile(f"holds the name {member.name[:80]!a} twice")
        if len(self._names) >= MAX_ENTRIES:
            raise Hostile(f"holds more than {MAX_ENTRIES} entries")
        self._names.add(folded)
        self.found.entries.append((member.name, member.start, member.size, b""))


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except BundleError as error:
        raise Hostile(error.what) from None


def _extended(data: bytes, kind: bytes) -> tuple[str, int | None]:
    """The name and the size that a pax or GNU header gives to the member behind it."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return data.split(b"\0")[0].decode("utf-8", "replace"), None
    found = dict(record.partition(b"=")[::2] for record in _records(data))
    size = found.get(b"size", b"")
    if len(size) > _DIGITS:
        raise Hostile("claims a size that no file has")
    return found.get(b"path", b"").decode("utf-8", "replace"), int(size) if size.isdigit() else None


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a pax header: `LENGTH KEY=VALUE\\n`."""
    place = 0
    while place < len(data):
        digits, _, _ = data[place : place + 20].partition(b" ")
        if not digits.isdigit() or int(digits) <= len(digits):
            return
        yield data[place + len(digits) + 1 : place + int(digits) - 1]
        place += int(digits)


def common_root(names: list[str]) -> str:
    """The folder inside an archive in which the bundle lies: where the shallowest `bundle.json` stands."""
    found = [name for name in names if name == HEADER or name.endswith("/" + HEADER)]
    return min(found, key=lambda name: name.count("/")).removesuffix(HEADER) if found else ""
