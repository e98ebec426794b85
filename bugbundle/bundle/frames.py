"""zstd frames: the door to zstandard.

A bundle's tar stream is cut into frames at entry boundaries; each is an independent zstd frame with a checksum, so
that one entry is read by decoding one frame, and a damaged frame costs only its own entries. Behind them stand
skippable frames (magic 0x184D2A5x), which `zstd` and `tar --zstd` pass over: the index and the trailer.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from typing import BinaryIO, cast

import zstandard

from bugbundle.errors import BundleError

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = 0x184D2A50
WINDOW_LOG = 26
MAX_WINDOW = 1 << 27
"""The largest window that is read; `zstd` and `tar --zstd` read no larger one either unless told to."""
CHUNK = 1 << 20
STEP = 1 << 14
"""Compressed bytes read at once."""

_PARAMETERS = zstandard.ZstdCompressionParameters.from_level(
    9, window_log=WINDOW_LOG, enable_ldm=True, ldm_min_match=512, write_checksum=True
)
"""Measured on the dumps of 21 proxies of 16 MB (132× in frames of 32 MB): matches of 64 bytes at long distance take
12 % more room, as they get in the way of the ordinary ones; level 12 saves 1 % and takes half as long again."""


class FrameWriter:
    """One frame, compressed as it comes: `write` until `finish`. Memory: the frame, at most the window of 64 MiB."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._compress = zstandard.ZstdCompressor(compression_params=_PARAMETERS).compressobj()
        self._unflushed = 0
        self.raw = 0
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append; every few MiB, what was written becomes readable on disk."""
        self.raw += len(data)
        self._unflushed += len(data)
        self._put(self._compress.compress(data))
        if self._unflushed >= 4 << 20:
            self.flush()

    def flush(self) -> None:
        """What was written comes out."""
        if self._unflushed:
            self._put(self._compress.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
            self._unflushed = 0

    @property
    def pending(self) -> int:
        """Raw bytes that have not come out yet."""
        return self._unflushed

    def finish(self) -> None:
        """End the frame with its checksum."""
        self._put(self._compress.flush())

    def _put(self, data: bytes) -> None:
        self.size += len(data)
        self._out.write(data)


def compress_block(data: bytes) -> bytes:
    """A small independent frame, as tight as it gets (for the index)."""
    return zstandard.ZstdCompressor(level=19, write_checksum=True).compress(data)


def decompress_block(data: bytes, limit: int) -> bytes:
    """Undo `compress_block`. Raises `BundleError` for anything else, or more than `limit` bytes."""
    try:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= limit:
            raise BundleError("the index is larger than it may be")
        return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompress(data, max_output_size=limit)
    except zstandard.ZstdError:
        raise BundleError("the index is damaged") from None


def pack(data: bytes) -> bytes:
    """A small independent frame, quickly made (for what is kept for a while)."""
    return zstandard.ZstdCompressor(level=1).compress(data)


def unpack(data: bytes) -> bytes:
    """Undo `pack`; only for what this process has packed."""
    return zstandard.ZstdDecompressor().decompress(data)


def skippable(number: int, data: bytes) -> bytes:
    """A skippable frame around `data`."""
    return struct.pack("<II", SKIPPABLE + number, len(data)) + data


class FrameReader:
    """Decodes one frame forwards, into memory that is given back whole when the reader is dropped.

    `length`: how many bytes come out of the frame; `room`: memory of at least that size to use again. Held: what was
    decoded, and until its end as much again (zstd's window).
    """

    def __init__(self, source: BinaryIO, offset: int, length: int, where: str, room: mmap.mmap | None = None) -> None:
        self._where = where
        self._length = length
        self._decoded = 0
        self._buffer = mmap.mmap(-1, max(length, 1)) if room is None else room
        self._stream: zstandard.ZstdDecompressionReader | None = _stream(source, offset)

    @property
    def memory(self) -> int:
        """Bytes held."""
        return self._decoded * (1 if self._stream is None else 2)

    def read(self, begin: int, end: int) -> bytes:
        """These bytes of the frame, fewer where it ends before. Raises `BundleError` where it is damaged."""
        self._read_to(min(end, self._length))
        return self._buffer[begin : min(end, self._decoded)]

    def finish(self) -> None:
        """Decode to the frame's end, where its checksum stands. Raises `BundleError` where it is damaged."""
        self._read_to(self._length)
        if self._stream is not None and self._stream.read(1):
            raise BundleError("damaged: its frame is longer than it was", where=self._where)
        self._stream = None

    def _read_to(self, end: int) -> None:
        try:
            while self._decoded < end and self._stream is not None:
                with memoryview(self._buffer) as whole, whole[self._decoded : end] as room:
                    count = self._stream.readinto(room)
                self._decoded += count
                if not count or self._decoded == self._length:
                    self._stream = None
        except zstandard.ZstdError as error:
            raise BundleError(f"damaged ({_short(error)})", where=self._where) from None


def _stream(source: BinaryIO, offset: int, end: int | None = None) -> zstandard.ZstdDecompressionReader:
    decompress = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
    return decompress.stream_reader(cast(BinaryIO, _From(source, offset, end)), read_size=STEP)


class _From:
    """A file from one place on, to another; others may seek in it between reads."""

    def __init__(self, source: BinaryIO, offset: int, end: int | None) -> None:
        self._source = source
        self._at = offset
        self._end = end

    def read(self, size: int) -> bytes:
        """The next bytes."""
        if self._end is not None:
            size = min(size, self._end - self._at)
        self._source.seek(self._at)
        data = self._source.read(size)
        self._at += len(data)
        return data


def decode_frames(source: BinaryIO, start: int) -> Iterator[tuple[int, int, Iterator[bytes]]]:
    """Every frame from `start` on: (offset, compressed length, decoded pieces).

    The pieces raise `BundleError` where the frame is damaged, `EOFError` where the file ends inside it; what came
    before is sound as far as zstd can tell. Skippable frames are passed over.
    """
    offset = start
    while True:
        source.seek(offset)
        head = source.read(18)
        if not head:
            return
        if len(head) >= 8 and (struct.unpack("<I", head[:4])[0] & 0xFFFFFFF0) == SKIPPABLE:
            offset += 8 + struct.unpack("<I", head[4:8])[0]
            continue
        length, whole = frame_length(source, offset)
        yield offset, length, _pieces(source, offset, length, whole)
        if not whole:
            return
        offset += length


def frame_length(source: BinaryIO, offset: int) -> tuple[int, bool]:
    """(compressed length, whether all of it is there), by walking the block headers (RFC 8878 §3.1.1).

    Raises `BundleError` where no frame begins at `offset`.
    """
    source.seek(offset)
    head = source.read(18)
    if head[:4] != MAGIC[: len(head[:4])] or len(head) < 6:
        if MAGIC.startswith(head[:4]) or (len(head) < 6 and head[:4] == MAGIC):
            return len(head), False
        raise BundleError("no zstd frame here")
    descriptor = head[4]
    single = bool(descriptor & 0x20)
    sizes = (1 if single else 0, 2, 4, 8)
    place = 5 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3] + sizes[descriptor >> 6]
    end = source.seek(0, 2)
    while True:
        source.seek(offset + place)
        block = source.read(3)
        if len(block) < 3:
            return end - offset, False
        value = int.from_bytes(block, "little")
        place += 3 + (1 if (value >> 1) & 3 == 1 else value >> 3)
        if value & 1:
            break
    place += 4 if descriptor & 4 else 0
    return (place, True) if offset + place <= end else (end - offset, False)


def frame_blocks(source: BinaryIO, offset: int, length: int, size: int) -> Iterator[bytes]:
    """The `length` bytes of the frame at `offset`, in blocks of `size`. Raises `BundleError` where it is damaged."""
    stream = _stream(source, offset)
    try:
        while length > 0 and (block := stream.read(min(size, length))):
            length -= len(block)
            yield block
    except zstandard.ZstdError as error:
        raise BundleError(f"damaged ({_short(error)})") from None


def _pieces(source: BinaryIO, offset: int, length: int, whole: bool) -> Iterator[bytes]:
    stream = _stream(source, offset, offset + length)
    try:
        while piece := stream.read(CHUNK):  # never more at once, whatever a few bytes would unpack to
            yield piece
    except zstandard.ZstdError as error:
        raise BundleError(f"damaged ({_short(error)})") from None
    if not whole:
        raise EOFError


def find_frame(source: BinaryIO, start: int) -> int | None:
    """The next place from `start` on where a frame's magic stands; None where there is none."""
    place = start
    tail = b""
    while True:
        source.seek(place)
        data = source.read(CHUNK)
        if not data:
            return None
        found = (tail + data).find(MAGIC)
        if found >= 0:
            return place - len(tail) + found
        place += len(data)
        tail = data[-3:]


def _short(error: Exception) -> str:
    return str(error).rpartition(":")[2].strip()[:80] or "not zstd"
