"""An archive as a store of entries: by its directory where it has one, by walking it where not."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bugbundle.bundle import directory, frames, sealed
from bugbundle.bundle.directory import Frame, Place
from bugbundle.bundle.model import Damage
from bugbundle.bundle.parts import ArchiveParts
from bugbundle.bundle.scan import common_root, scan
from bugbundle.bundle.spool import BLOCK, Spool
from bugbundle.codec import hash128
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.xds.index import XdsIndex

MAX_ENTRY = 1 << 30
"""Bytes of one entry that are read at once."""

MAX_KEPT = 96 << 20
"""Bytes of memory for decoded frames beside the one that is read. From when a frame is asked for that had to make room,
every frame is spooled: who reads entry after entry never comes to that, who jumps about pays once."""

LARGEST_KEPT = 192 << 20
"""Bytes of one decoded frame; a larger one is spooled."""

PIECE = 4 << 20


class ArchiveStore:
    """Entries of an archive, the frames read last kept. Raises `BundleError` where it is no bundle."""

    def __init__(self, path: Path) -> None:
        self.origin = str(path)
        self.damage: list[Damage] = []
        self.notes: list[str] = []
        self._file: BinaryIO = path.open("rb")
        self._in_memory = sealed.is_sealed(self._file.read(len(sealed.MAGIC)))
        if self._in_memory:
            self._file.close()
            self._file, note = sealed.opened(path)
            self.notes += [note] if note else []
        self._size = self._file.seek(0, 2)
        self._directory = directory.read(self._file, self._size)
        self.sealed = self._directory is not None
        try:
            self._frames, entries = self._places()
        except BundleError as error:
            raise BundleError(error.what, where=self.origin, todo=error.todo) from None
        root = common_root([place[0] for place in entries])
        self._places_by_name: dict[str, Place] = {
            place[0].removeprefix(root): place for place in entries if place[0].startswith(root)
        }
        self._starts = [raw for _, _, raw, _ in self._frames]
        self._open: OrderedDict[int, frames.FrameReader] = OrderedDict()
        self._dropped: set[int] = set()
        self._jumps = False
        self._spool: Spool | None = None

    def _places(self) -> tuple[list[Frame], list[Place]]:
        if self._directory is not None:
            return self._directory.frames, self._directory.entries
        found = scan(self._file, self._size)
        if not found.entries and not found.sealed:
            why = "; ".join(f"{spot.path} {spot.reason}" for spot in found.damage[:3]) or "the file was cut off"
            raise BundleError(f"holds nothing that can be read: {why}", todo="Ask for the file again")
        self.damage += found.damage
        if found.cut:
            self.notes.append("the file was cut off: what came after is missing")
        elif found.sealed:
            self.notes.append("no directory behind the archive: it was walked from the start")
        return found.frames, found.entries

    def names(self) -> list[str]:
        """Every entry, in the order in which it was written."""
        return list(self._places_by_name)

    def size(self, path: str) -> int:
        """Bytes of one entry."""
        return self._places_by_name[path][2]

    def read(self, path: str) -> bytes:
        """One entry; `BundleError` where its frame is damaged."""
        _, start, size, digest = self._places_by_name[path]
        if size > MAX_ENTRY:
            raise BundleError(f"is {size} bytes long, more than is read at once", where=self._where(path))
        try:
            data = self._span(start, size)
        except BundleError as error:
            raise BundleError(error.what, where=self._where(path)) from None
        if len(data) != size or (digest and hash128(data) != digest):
            raise BundleError("damaged: not what was written", where=self._where(path))
        return data

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry in pieces of at most `PIECE` bytes."""
        _, start, size, _ = self._places_by_name[path]
        for begin in range(start, start + size, PIECE):
            yield self._span(begin, min(PIECE, start + size - begin))

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """The archive's own index, if it is sound."""
        packed = directory.read_xds(self._file, self._directory) if self._directory else None
        if packed is None:
            return None
        try:
            return XdsIndex.decode(packed, read, ArchiveParts(self._file, self._frames, self._places_by_name))
        except BugbundleError:
            return None

    def _where(self, path: str) -> str:
        return f"{self.origin}: entry {path}"

    def _span(self, start: int, size: int) -> bytes:
        """Bytes of the tar stream, out of as many frames as they lie in."""
        if size == 0:
            return b""
        number = bisect_right(self._starts, start) - 1
        parts = []
        while size > 0:
            if not 0 <= number < len(self._frames):
                raise BundleError("lies outside of the archive")
            _, _, raw, length = self._frames[number]
            inside = start - raw
            take = min(size, length - inside)
            if take <= 0:
                raise BundleError("damaged: its frame is shorter than it was")
            parts.append(self._frame_bytes(number, inside, inside + take))
            start, size, number = start + take, size - take, number + 1
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _frame_bytes(self, number: int, begin: int, end: int) -> bytes:
        offset, _, _, length = self._frames[number]
        self._jumps = self._jumps or number in self._dropped
        if length > LARGEST_KEPT or (self._jumps and number not in self._open):
            spool = self._spooled(number)
            if spool is not None:
                return _whole(spool.read(number, begin, end), end - begin)
        reader = self._open.pop(number, None) or frames.FrameReader(self._file, offset, length, f"frame {number}")
        while self._open and sum(kept.memory for kept in self._open.values()) + 2 * end > MAX_KEPT:
            self._dropped.add(self._open.popitem(last=False)[0])
        self._open[number] = reader
        return _whole(reader.read(begin, end), end - begin)

    def _spooled(self, number: int) -> Spool | None:
        """The spool with this frame in it; None where there is no room for it."""
        offset, _, _, length = self._frames[number]
        if self._in_memory:
            return None  # what was encrypted is written to no disk
        try:
            self._spool = self._spool or Spool()
            if number not in self._spool:
                with suppress(BundleError):  # what came before the damage is kept, what is missing found out
                    self._spool.keep(number, frames.frame_blocks(self._file, offset, length, BLOCK))
        except OSError:
            self._spool = None
        return self._spool


def _whole(found: bytes, size: int) -> bytes:
    if len(found) < size:
        raise BundleError("damaged: its frame ends too early")
    return found
