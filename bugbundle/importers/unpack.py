"""What an archive is packed in: gzip, xz, bzip2, zstd; tar and zip; and one archive inside another.

Known by their first bytes, never by their names. What comes out is bounded, whatever the archive says of itself.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from bugbundle.bundle.frames import decode_frames
from bugbundle.errors import BundleError
from bugbundle.importers import tree as trees
from bugbundle.importers.looks import what_it_is
from bugbundle.importers.tree import BROKEN, File, Tree, reason

FREE = 512 << 20
"""So many bytes may come out of any file before the ratio counts."""

MAX_RATIO = 400
MAX_RAW = 32 << 30
INNER_RAW = 2 << 30
"""Bytes of one archive inside an archive."""

PIECE = 1 << 20
_TAR_MAGIC = (b"ustar\x0000", b"ustar  \x00")


def packed_in(head: bytes) -> str:
    """gzip, xz, bzip2, zstd, zip, tar or nothing, by the first 512 bytes."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    return "tar" if head[257:265] in _TAR_MAGIC else ""


_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)


def open_tree(path: Path) -> Tree:
    """The files of a folder, an archive, a compressed or a plain file; archives among them opened as well, once.

    Raises `BundleError` for what is damaged, encrypted, or unpacks to more than is believed.
    """
    if path.is_dir():
        return _inner(trees.folder(path))
    info = path.stat()
    at = trees._time(info.st_mtime)
    return _inner(_outer(path.open("rb"), info.st_size, path.name, str(path), File(info.st_size, at, _again(path))))


def open_stream(stream: BinaryIO, origin: str) -> Tree:
    """As `open_tree`, for standard input; it is kept in a file without a name where it is large."""
    kept = tempfile.SpooledTemporaryFile(max_size=64 << 20)  # noqa: SIM115
    size = 0
    for piece in iter(lambda: stream.read(PIECE), b""):
        size += len(piece)
        if size > MAX_RAW:
            raise BundleError(f"is longer than {MAX_RAW >> 30} GiB", where=origin)
        kept.write(piece)
    return _inner(_outer(kept, size, "stdin", origin, File(size, None, lambda: View(kept))))  # type: ignore[arg-type]


def _again(path: Path):  # type: ignore[no-untyped-def]
    return lambda: path.open("rb")


class View(io.RawIOBase):
    """A file that is read by several: each has a place of its own, and closes nothing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; returns it."""
        self._file.seek(offset if whence == 0 else (self._at + offset if whence == 1 else offset), whence & 2)
        self._at = self._file.tell()
        return self._at

    def readinto(self, buffer: object) -> int:
        """Bytes from this view's own place."""
        self._file.seek(self._at)
        view = memoryview(buffer)  # type: ignore[arg-type]
        data = self._file.read(len(view))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)


def _outer(file: BinaryIO, size: int, name: str, origin: str, plain: File) -> Tree:
    """The files of one file: of a tar or zip inside of at most one compression, else that file alone."""
    head = file.read(512)
    kind = packed_in(head)
    file.seek(0)
    if kind == "tar":
        return trees.tar(file, origin)
    if kind == "zip":
        return trees.zipped(file, origin)
    if not kind:
        strange = what_it_is(head)
        if strange:
            raise BundleError(f"looks like {strange}", where=origin, todo=TAKEN)
        return trees.single(name, plain, origin)
    raw = _spooled(file, kind, size, MAX_RAW, origin)
    start = raw.read(512)
    raw.seek(0)
    inside = packed_in(start)
    if inside == "tar":
        return trees.tar(raw, origin)
    if inside == "zip":
        return trees.zipped(raw, origin)
    raw_size = raw.seek(0, 2)
    return trees.single(bare(name), File(raw_size, plain.at, lambda: View(raw)), origin)  # type: ignore[arg-type]


def _inner(tree: Tree) -> Tree:
    """The tree with archives and compressed files in it opened; what is in those is left as it is."""
    budget = INNER_RAW
    for name in list(tree.files):
        kind = packed_in(tree.head(name, 512))
        if not kind or name.endswith(".zst") and name.startswith(SHARK):
            continue
        try:
            found = _unpacked(tree, name, kind, budget)
        except BundleError as error:
            tree.skipped[name] = error.what
            continue
        budget -= sum(max(file.size, 0) for file in found.files.values())
        del tree.files[name]
        base = bare(name)
        for inner, file in found.files.items():
            tree.add(base if found.form == "file" else f"{base}/{inner}", file)
        tree.skipped.update({f"{base}/{inner}": why for inner, why in found.skipped.items()})
    return tree


SHARK = "k8shark-capture/"


def _unpacked(tree: Tree, name: str, kind: str, budget: int) -> Tree:
    where = f"{tree.origin}: {name}"
    size = tree.files[name].size
    if size > budget:
        raise BundleError("is larger than what is unpacked inside an archive", where=where)
    file: BinaryIO = tree.files[name].open()
    raw = io.BytesIO(file.read(size if size >= 0 else budget)) if kind in ("tar", "zip") else None
    if raw is None:
        raw = _spooled(file, kind, size, budget, where)  # type: ignore[assignment]
        kind = packed_in(raw.read(512))  # type: ignore[union-attr]
        raw.seek(0)  # type: ignore[union-attr]
    if kind == "tar":
        return trees.tar(raw, where)  # type: ignore[arg-type]
    if kind == "zip":
        return trees.zipped(raw, where)  # type: ignore[arg-type]
    length = raw.seek(0, 2)  # type: ignore[union-attr]
    return trees.single(bare(name), File(length, tree.files[name].at, lambda: View(raw)), where)  # type: ignore[arg-type,return-value]


def _spooled(file: BinaryIO, kind: str, size: int, limit: int, origin: str) -> BinaryIO:
    """A compressed file unpacked into one without a name. Raises `BundleError` where it is damaged or unbelievable."""
    most = min(limit, max(FREE, MAX_RATIO * size))
    spool = tempfile.SpooledTemporaryFile(max_size=8 << 20)  # noqa: SIM115
    try:
        for piece in _pieces(file, kind):
            if spool.tell() + len(piece) > most:
                raise BundleError("unpacks to more than is believed", where=origin, todo="Unpack it, give the folder")
            spool.write(piece)
    except (*BROKEN, zlib.error, lzma.LZMAError) as error:
        if not spool.tell():
            raise BundleError(f"is damaged {kind} ({reason(error)})", where=origin) from None
    spool.seek(0)
    return spool  # type: ignore[return-value]


def _pieces(file: BinaryIO, kind: str) -> Iterator[bytes]:
    if kind == "zstd":
        for _, _, pieces in decode_frames(file, 0):
            yield from pieces
        return
    opened: BinaryIO
    if kind == "gzip":
        opened = gzip.GzipFile(fileobj=file)  # type: ignore[assignment]
    elif kind == "xz":
        opened = lzma.LZMAFile(file)  # type: ignore[assignment,arg-type]
    else:
        opened = bz2.BZ2File(file)  # type: ignore[assignment,arg-type]
    yield from iter(lambda: opened.read(PIECE), b"")


def bare(name: str) -> str:
    """A name without what it is packed in: `a/b.tar.gz` → `a/b`."""
    for ending in (".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    for ending in (".tgz", ".txz", ".tar", ".zip", ".gz", ".xz", ".zst", ".bz2"):
        if name.lower().endswith(ending):
            return name[: -len(ending)]
    return name


TAKEN = (
    "Taken are bundles, istioctl bug-reports, must-gathers, `oc adm inspect`, `kubectl cluster-info dump`, Troubleshoot "
    "support bundles, crust-gather and k8shark captures, Kiali's offline folder, YAML and JSON of kubectl, pages of "
    "Envoy, istiod and ztunnel, and logs: as a folder, tar, zip, gz, xz, zst, or alone"
)


def first_bytes(path: Path, size: int = 2048) -> bytes:
    """What a compressed file begins with once unpacked; empty where it cannot be."""
    with path.open("rb") as file:
        kind = packed_in(file.read(512))
        try:
            return next(_pieces(file, kind), b"")[:size] if kind not in ("", "tar", "zip") else b""
        except (*BROKEN, zlib.error, lzma.LZMAError, BundleError):
            return b""


def stdin() -> BinaryIO:
    """Standard input, as bytes."""
    return sys.stdin.buffer
