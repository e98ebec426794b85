"""What an archive is packed in: gzip, xz, bzip2, zstd; tar and zip; and one archive inside another.

Known by their first bytes, never by their names. What comes out is bounded, whatever the archive says of itself.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bugbundle.bundle.frames import decode_frames
from bugbundle.errors import BundleError
from bugbundle.importers import tree as trees
from bugbundle.importers.looks import TAKEN, what_it_is
from bugbundle.importers.tree import BROKEN, MAX_FILE, File, Readable, Tree, reason

FREE = 512 << 20
"""So many bytes may come out of any file before the ratio counts."""

MAX_RATIO = 400
MAX_RAW = 32 << 30
INNER_RAW = 2 << 30
"""Bytes of the archives inside an archive, together."""

PIECE = 1 << 20
KEPT = 8 << 20
"""Bytes of an unpacked file that are kept in memory; a longer one goes to disk, into a file without a name."""

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_TAR_MAGIC = (b"ustar\x0000", b"ustar  \x00")


def packed_in(head: bytes) -> str:
    """gzip, xz, bzip2, zstd, zip, tar or nothing, by the first 512 bytes."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return "tar" if head[257:265] in _TAR_MAGIC else ""


def open_tree(path: Path) -> Tree:
    """The files of a folder, an archive, a compressed or a plain file; archives among them opened as well, once.

    Raises `BundleError` for what is damaged, encrypted, or unpacks to more than is believed.
    """
    if path.is_dir():
        return _inner(trees.folder(path))
    info = path.stat()
    plain = File(info.st_size, trees.moment(info.st_mtime), lambda: path.open("rb"))
    return _inner(_outer(path.open("rb"), path.name, str(path), plain))


def open_stream(stream: Readable, origin: str) -> Tree:
    """As `open_tree`, for standard input; it is kept in a file without a name where it is large."""
    kept = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115
    for piece in iter(lambda: stream.read(PIECE), b""):
        if kept.tell() + len(piece) > MAX_RAW:
            raise BundleError(f"is longer than {MAX_RAW >> 30} GiB", where=origin)
        kept.write(piece)
    size = kept.tell()
    kept.seek(0)
    return _inner(_outer(kept, "stdin", origin, File(size, None, lambda: View(kept))))


class View(io.RawIOBase):
    """A file that is read by several: each has a place of its own, and closes nothing."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; returns it."""
        if whence == io.SEEK_CUR:
            offset, whence = offset + self._at, io.SEEK_SET
        self._at = self._file.seek(offset, whence)
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Bytes from this view's own place."""
        self._file.seek(self._at)
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Bytes from this view's own place."""
        self._file.seek(self._at)
        data = self._file.read(-1 if size is None else size)
        self._at += len(data)
        return data


def _outer(file: Readable, name: str, origin: str, plain: File) -> Tree:
    """The files of one file: of a tar or zip inside of at most one compression, else that file alone."""
    head = _head(file)
    kind = packed_in(head)
    if kind in ("tar", "zip"):
        return _archive(file, kind, origin)
    if kind:
        file = _spooled(file, kind, plain.size, MAX_RAW, origin)
        head = _head(file)
        inside = packed_in(head)
        if inside in ("tar", "zip"):
            return _archive(file, inside, origin)
        size, raw = file.seek(0, io.SEEK_END), file
        name, plain = bare(name), File(size, plain.at, lambda: View(raw))
    strange = what_it_is(head)
    if strange:
        raise BundleError(f"looks like {strange}", where=origin, todo=TAKEN)
    return trees.single(name, plain, origin)


def _head(file: Readable) -> bytes:
    head = file.read(512)
    file.seek(0)
    return head


def _archive(file: Readable, kind: str, origin: str) -> Tree:
    return trees.tar(file, origin) if kind == "tar" else trees.zipped(file, origin)


def _inner(tree: Tree) -> Tree:
    """The tree with archives and compressed files in it opened; what is in those is left as it is."""
    budget = INNER_RAW
    for name in list(tree.files):
        kind = packed_in(tree.head(name, 512))
        if not kind:
            continue
        file, where = tree.files.pop(name), f"{tree.origin}: {name}"
        inside = kind if kind in ("tar", "zip") else _begins_with(file, kind)
        if inside not in ("tar", "zip"):
            tree.add(bare(name), File(-1, file.at, _lazily(file, kind, where)))
            continue
        try:
            found = _unpacked(file, kind, inside, budget, where)
        except BundleError as error:
            tree.skipped[name] = error.what
            continue
        except BROKEN as error:
            tree.skipped[name] = f"cannot be read ({reason(error)})"
            continue
        budget -= sum(max(each.size, 0) for each in found.files.values())
        for inner, each in found.files.items():
            tree.add(f"{bare(name)}/{inner}", each)
        tree.skipped.update({f"{bare(name)}/{inner}": why for inner, why in found.skipped.items()})
    return tree


def _begins_with(file: File, kind: str) -> str:
    """What is inside of a compressed file."""
    try:
        with file.open() as opened:
            return packed_in(next(_pieces(opened, kind, 4096), b"")[:512])
    except (*BROKEN, BundleError):
        return ""


def _lazily(file: File, kind: str, where: str) -> Callable[[], Readable]:
    def opened() -> Readable:
        with file.open() as packed:
            return _spooled(packed, kind, max(file.size, 1 << 20), MAX_FILE, where)

    return opened


def _unpacked(file: File, kind: str, inside: str, budget: int, where: str) -> Tree:
    """The files of an archive inside an archive."""
    if file.size > budget:
        raise BundleError("is larger than what is unpacked inside an archive", where=where)
    with file.open() as opened:
        if kind not in ("tar", "zip"):
            return _archive(_spooled(opened, kind, file.size, budget, where), inside, where)
        raw = tempfile.SpooledTemporaryFile(max_size=KEPT)  # noqa: SIM115
        for piece in iter(lambda: opened.read(PIECE), b""):
            raw.write(piece)
        raw.seek(0)
        return _archive(raw, inside, where)


def _spooled(file: Readable, kind: str, size: int, limit: int, origin: str) -> Readable:
    """A compressed file unpacked into one without a name; of one that ends too early, what came before.

    Raises `BundleError` where it is damaged from the start, or unpacks to more than is believed.
    """
    most = min(limit, max(FREE, MAX_RATIO * size))
    spool = tempfile.SpooledTemporaryFile(max_size=KEPT)  # noqa: SIM115
    try:
        for piece in _pieces(file, kind):
            if spool.tell() + len(piece) > most:
                raise BundleError(
                    "unpacks to more than is believed", where=origin, todo="Unpack it, and give the folder"
                )
            spool.write(piece)
    except BROKEN as error:
        if not spool.tell():
            raise BundleError(f"is damaged {kind} ({reason(error)})", where=origin) from None
    spool.seek(0)
    return spool


def _pieces(file: Readable, kind: str, size: int = PIECE) -> Iterator[bytes]:
    packed: Any = file
    if kind == "zstd":
        for _, _, pieces in decode_frames(packed, 0):
            yield from pieces
        return
    opened: Any = _READERS[kind](packed)
    yield from iter(lambda: opened.read(size), b"")


_READERS: dict[str, Callable[[Any], Any]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "xz": lzma.LZMAFile,
    "bzip2": bz2.BZ2File,
}


def first_bytes(path: Path, size: int = 2048) -> bytes:
    """What a compressed file begins with once unpacked; empty where it cannot be."""
    with path.open("rb") as file:
        kind = packed_in(_head(file))
        try:
            return next(_pieces(file, kind), b"")[:size] if kind not in ("", "tar", "zip") else b""
        except (*BROKEN, BundleError):
            return b""


def bare(name: str) -> str:
    """A name without what it is packed in: `a/b.tar.gz` → `a/b`."""
    for ending in (".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    for ending in (".tgz", ".txz", ".tar", ".zip", ".gz", ".xz", ".zst", ".bz2"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name
