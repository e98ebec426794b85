"""Writing a bundle: append-only, in one pass, sealed once."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol, Self

from bugbundle.bundle import directory
from bugbundle.bundle.frames import FrameWriter
from bugbundle.bundle.layout import HEADER, MANIFEST, check_name, is_dump
from bugbundle.bundle.manifest import dump_header, dump_manifest
from bugbundle.bundle.model import FORMAT, Entry, Gap, Header, Manifest
from bugbundle.bundle.sealed import seal
from bugbundle.codec import Hasher
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.xds.index import XdsIndex

FRAME = 32 << 20
"""Raw bytes after which a frame ends, at an entry's end: any entry is read by decoding at most so much."""
ALIKE = 4
"""But at least so many entries stand together, as it is their likeness that compresses, up to `LARGEST`."""
LARGEST = 128 << 20

BLOCK = tarfile.BLOCKSIZE


REDACTION = {"rules": 1}
"""What the header says of the cleaning where whoever writes says nothing more: that there was one."""


class Cleaned(Protocol):
    """An entry without what must never leave, and how much of which kind was taken out."""

    @property
    def body(self) -> bytes:
        """The bytes that may be written."""

    @property
    def removed(self) -> dict[str, int]:
        """kind → count."""


class Cleaner(Protocol):
    """What takes secrets out (`bugbundle.redact.Redactor`): no byte is written that has not passed it."""

    def redact(self, path: str, body: bytes) -> Cleaned:
        """One entry, cleaned."""

    def redact_stream(self, path: str, chunks: Iterable[bytes], removed: dict[str, int]) -> Iterable[bytes]:
        """A long log, cleaned as it passes; counts into `removed`."""


class BundleWriter:
    """A bundle being written: `add` and `gap` as answers come, `close` once.

    What must never be in a bundle is taken out of every entry before its first byte is written. The file is made with
    mode 0600 and never overwritten. Without `close` the file is a bundle that was cut off.
    """

    def __init__(
        self, path: str | os.PathLike[str], header: Header, cleaner: Cleaner, encrypt_to: Sequence[Any] = ()
    ) -> None:
        self.path = Path(path)
        self._out = seal(_create(self.path), encrypt_to) if encrypt_to else _create(self.path)
        self._cleaner = cleaner
        self._frame: FrameWriter | None = None
        self._group = ""
        self._widest = 0
        self._raw = 0
        self._made = directory.Directory()
        self._index = XdsIndex(_no_read)
        self._entries: dict[str, Entry] = {}
        self._folded: set[str] = set()
        self._gaps: dict[str, Gap] = {}
        self._redacted: dict[str, int] = {}
        self._header = header
        self._closed = False
        said = replace(header, redaction=header.redaction or REDACTION)
        self.add(Entry(HEADER, 0, target="bundle", at=header.started), dump_header(said))
        self._end_frame()
        self._out.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        elif not self._closed:
            self._closed = True
            self._end_frame()
            self._out.close()

    def add(self, entry: Entry, body: bytes) -> Entry:
        """One answer; its size and hash are worked out here. Returns the entry as the manifest will have it."""
        found = self._cleaner.redact(entry.path, body)
        self._count(found.removed)
        if is_dump(entry.path):
            self._index.add(entry.path, found.body)
        return self._write(entry, len(found.body), [found.body])

    def add_stream(self, entry: Entry, chunks: Iterable[bytes]) -> Entry:
        """One long answer (a log), redacted line by line; kept in a nameless file until its size is known."""
        with tempfile.TemporaryFile() as spool:
            removed: dict[str, int] = {}
            for piece in self._cleaner.redact_stream(entry.path, chunks, removed):
                spool.write(piece)
            self._count(removed)
            size = spool.tell()
            spool.seek(0)
            return self._write(entry, size, iter(lambda: spool.read(1 << 20), b""))

    def gap(self, gap: Gap) -> None:
        """A question without an answer."""
        reason = self._cleaner.redact("gap", gap.reason.encode()).body.decode("utf-8", "replace")
        self._gaps[gap.path] = Gap(gap.path, gap.target, gap.request, gap.status, reason[:1000])

    @property
    def size(self) -> int:
        """Bytes of the file by now, about: what stands in the compressor counts as a third."""
        return self._out.tell() + (self._frame.pending // 3 if self._frame else 0)

    def flush(self) -> None:
        """What was added so far can be read, should this process end now."""
        if self._frame is not None:
            self._frame.flush()
        self._out.flush()

    def close(self, finished: datetime | None = None) -> None:
        """Write the manifest, the index and the trailer; the bundle is sealed. `finished`: when, if not now."""
        if self._closed:
            return
        self._closed = True
        finished = finished or datetime.now(UTC).replace(microsecond=0)
        manifest = Manifest(FORMAT, self._header.started, finished, self._entries, self._gaps, self._redacted)
        self._write(Entry(MANIFEST, 0, target="bundle"), 0, [dump_manifest(manifest)], seal=True)
        self._tar(b"\0" * (2 * BLOCK))
        self._end_frame()
        directory.write(self._out, self._made, self._index)
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()

    def _count(self, removed: dict[str, int]) -> None:
        for kind, number in removed.items():
            self._redacted[kind] = self._redacted.get(kind, 0) + number

    def _write(self, entry: Entry, size: int, chunks: Iterable[bytes], *, seal: bool = False) -> Entry:
        path = check_name(entry.path)
        if path.lower() in self._folded:
            raise BundleError("was recorded twice", where=path)
        self._folded.add(path.lower())
        if seal:
            chunks = list(chunks)
            size = sum(map(len, chunks))
        self._cut_before(path, size)
        self._tar(_tar_header(path, size, entry.at or self._header.started))
        start, sha, quick = self._raw, hashlib.sha256(), Hasher()
        for chunk in chunks:
            sha.update(chunk)
            quick.update(chunk)
            self._tar(chunk)
        self._tar(b"\0" * (-size % BLOCK))
        self._made.entries.append((path, start, size, quick.digest()))
        fields = {name: getattr(entry, name) for name in Entry.__slots__}
        made = Entry(**{**fields, "size": size, "sha256": sha.hexdigest()})
        if not seal:
            self._entries[path] = made
        return made

    def _cut_before(self, path: str, size: int) -> None:
        """Like stands with like; a frame ends when it is full, or when another kind of entry begins."""
        group = directory.group(path)
        self._widest = max(self._widest, size)
        limit = min(max(FRAME, ALIKE * self._widest), LARGEST)
        full = self._frame is not None and self._frame.raw + size > limit
        if full or group != self._group:
            self._end_frame()
            self._widest = size
        self._group = group

    def _tar(self, data: bytes) -> None:
        if self._frame is None:
            self._frame = FrameWriter(self._out)
            self._begin = (self._out.tell(), self._raw)
        self._frame.write(data)
        self._raw += len(data)

    def _end_frame(self) -> None:
        if self._frame is None:
            return
        self._frame.finish()
        offset, raw = self._begin
        self._made.frames.append((offset, self._frame.size, raw, self._frame.raw))
        self._frame = None


def _create(path: Path) -> BinaryIO:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    except FileExistsError:
        raise BundleError("exists already", where=str(path), todo="Give another name, or --force") from None
    except OSError as error:
        raise BundleError(f"cannot be written ({error.strerror})", where=str(path)) from None


def _tar_header(path: str, size: int, at: datetime | None) -> bytes:
    info = tarfile.TarInfo(path)
    info.size = size
    info.mode = 0o600
    info.mtime = int(at.timestamp()) if at else 0
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def _no_read(path: str) -> bytes:
    raise BugbundleError("written, not read", where=path)
