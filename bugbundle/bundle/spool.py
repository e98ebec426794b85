"""Frames that are read over and over, out of order: unpacked once, packed again in small blocks that stand alone.

Kept in one file without a name, which is gone when the process ends. A frame of 32 MB takes some 3 MB of it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from typing import BinaryIO

from bugbundle.bundle.frames import pack, unpack

BLOCK = 1 << 20
"""Bytes of a block: an entry is read by unpacking the blocks that it lies in."""


class Spool:
    """Frames by their number. Raises OSError where there is no room for the file."""

    def __init__(self) -> None:
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115
        self._blocks: dict[int, list[tuple[int, int]]] = {}

    def __contains__(self, number: int) -> bool:
        return number in self._blocks

    def keep(self, number: int, blocks: Iterable[bytes]) -> None:
        """Take a frame in, in blocks of `BLOCK` bytes; those before an error in `blocks` are kept."""
        places = self._blocks[number] = []
        for block in blocks:
            packed = pack(block)
            places.append((self._file.seek(0, 2), len(packed)))
            self._file.write(packed)

    def read(self, number: int, begin: int, end: int) -> bytes:
        """These bytes of a frame, fewer where it ends before."""
        first = begin // BLOCK
        parts = []
        for offset, size in self._blocks[number][first : -(-end // BLOCK)]:
            self._file.seek(offset)
            parts.append(unpack(self._file.read(size)))
        return b"".join(parts)[begin - first * BLOCK : end - first * BLOCK]
