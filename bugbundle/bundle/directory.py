"""What stands behind the last frame: where everything lies, and the xDS index. A cache: all of it can be rebuilt.

    … last frame │ skippable 1: xDS index │ skippable 2: directory │ skippable 3: trailer (fixed size)

The trailer gives offset, length and xxh3-128 of the other two.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import BinaryIO

from bugbundle.bundle.frames import compress_block, decompress_block, skippable
from bugbundle.bundle.layout import check_name
from bugbundle.codec import encode_packed, hash128, read_packed
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.xds.index import XdsIndex

_TRAILER = struct.Struct("<8sQQ16sQQ16s")
_MAGIC = b"bugbndl1"
TRAILER_SIZE = 8 + _TRAILER.size

MAX_INDEX = 512 << 20
MAX_ENTRIES = 500_000
MAX_RATIO = 2_000
FREE_RAW = 1 << 30
"""So much may come out of any file before the ratio counts."""

Frame = tuple[int, int, int, int]
"""Offset and length in the file, offset and length in the tar stream."""

Place = tuple[str, int, int, bytes]
"""Path, offset of its bytes in the tar stream, size, xxh3-128."""


@dataclass
class Directory:
    """Frames and entries in file order; `xds` the span and hash of the xDS index in the file."""

    frames: list[Frame] = field(default_factory=list)
    entries: list[Place] = field(default_factory=list)
    xds: tuple[int, int, bytes] = (0, 0, b"")


def group(path: str) -> str:
    """What an entry is stored with: entries of one file name, as those are alike."""
    head, _, rest = path.partition("/")
    if head in ("proxies", "ztunnel"):
        return f"{head}/{rest.split('/', 2)[-1]}"
    if head == "istiod":
        parts = rest.split("/")
        return f"istiod/{parts[3]}" if len(parts) > 4 else "istiod"
    return head if head in ("k8s", "logs") else ""


def write(out: BinaryIO, made: Directory, index: XdsIndex) -> None:
    """Append index, directory and trailer."""
    spans = []
    for number, data in ((1, index.encode()), (2, encode_packed((made.frames, made.entries)))):
        block = compress_block(data)
        spans.append((out.tell() + 8, len(block), hash128(block)))
        out.write(skippable(number, block))
    (x_at, x_size, x_hash), (d_at, d_size, d_hash) = spans
    out.write(skippable(3, _TRAILER.pack(_MAGIC, x_at, x_size, x_hash, d_at, d_size, d_hash)))


def read(source: BinaryIO, size: int) -> Directory | None:
    """The directory of a sealed archive of `size` bytes; None where there is none that can be trusted."""
    if size < TRAILER_SIZE:
        return None
    source.seek(size - TRAILER_SIZE)
    tail = source.read(TRAILER_SIZE)
    magic, x_at, x_size, x_hash, d_at, d_size, d_hash = _TRAILER.unpack(tail[8:])
    if magic != _MAGIC or tail[:8] != skippable(3, b"\0" * _TRAILER.size)[:8]:
        return None
    if max(x_at + x_size, d_at + d_size) > size:
        return None
    source.seek(d_at)
    block = source.read(d_size)
    if hash128(block) != d_hash:
        return None
    try:
        frames, entries = read_packed(decompress_block(block, MAX_INDEX), tuple[list[Frame], list[Place]])
        found = Directory(frames, entries, (x_at, x_size, x_hash))
        _check(found, size)
    except BugbundleError:
        return None
    return found


def read_xds(source: BinaryIO, found: Directory) -> bytes | None:
    """The xDS index as it was encoded; None where it is damaged."""
    offset, size, digest = found.xds
    source.seek(offset)
    block = source.read(size)
    if hash128(block) != digest:
        return None
    try:
        return decompress_block(block, MAX_INDEX)
    except BundleError:
        return None


def _check(found: Directory, size: int) -> None:
    """Every frame inside the file, every entry inside the frames, every name allowed and alone."""
    end = 0
    for offset, length, raw, raw_length in found.frames:
        if min(offset, length, raw, raw_length) < 0 or offset + length > size or raw != end:
            raise BundleError("the directory lies about frames")
        end = raw + raw_length
    if end > max(FREE_RAW, MAX_RATIO * size):
        raise BundleError("the directory lies about frames")
    if len(found.entries) > MAX_ENTRIES:
        raise BundleError(f"more than {MAX_ENTRIES} entries")
    names = {check_name(path).lower() for path, *_ in found.entries}
    if len(names) != len(found.entries):
        raise BundleError("holds a name twice")
    if any(start < 0 or length < 0 or start + length > end for _, start, length, _ in found.entries):
        raise BundleError("the directory lies about entries")
