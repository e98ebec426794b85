"""Files under their names, whatever they lie in: a folder, a tar, a zip, one compressed file.

Nothing is unpacked under a name of the archive. What is compressed as a whole goes into a file without a name, which is
gone when the process ends; how much may come out of how little is bounded before it is believed.
"""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from bugbundle.errors import BundleError

MAX_FILE = 1 << 30
"""Bytes of one file that are read at once."""

MAX_FILES = 500_000
HEAD = 4096


class Readable(Protocol):
    """An open file."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left."""

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place; returns it."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *_: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class File:
    """Its size in bytes (-1 where that is known only by unpacking), when it was written, how to open it."""

    size: int
    at: datetime | None
    open: Callable[[], Readable]


@dataclass
class Tree:
    """`files` by name; `form`: folder, tar, zip or file; `skipped`: name → why it is not among the files."""

    origin: str
    form: str
    files: dict[str, File] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.files

    def add(self, name: str, file: File) -> None:
        """One file. Raises `BundleError` where there are too many; the first of a name counts."""
        if len(self.files) >= MAX_FILES:
            raise BundleError(f"holds more than {MAX_FILES} files", where=self.origin)
        self.files.setdefault(name, file)

    def head(self, name: str, size: int = HEAD) -> bytes:
        """The first bytes of a file; empty where it cannot be read."""
        try:
            with self.files[name].open() as opened:
                return bytes(opened.read(size))
        except (*BROKEN, BundleError):
            return b""

    def tail(self, name: str, size: int = HEAD) -> bytes:
        """The last bytes of a file; empty where it cannot be read."""
        try:
            with self.files[name].open() as opened:
                opened.seek(max(0, opened.seek(0, os.SEEK_END) - size))
                return bytes(opened.read(size))
        except (*BROKEN, BundleError):
            return b""

    def read(self, name: str) -> bytes:
        """A whole file. Raises `BundleError` where it is damaged or too large."""
        try:
            with self.files[name].open() as opened:
                data = bytes(opened.read(MAX_FILE + 1))
        except BROKEN as error:
            raise BundleError(f"cannot be read ({reason(error)})", where=f"{self.origin}: {name}") from None
        if len(data) > MAX_FILE:
            raise BundleError("is longer than what is read at once", where=f"{self.origin}: {name}")
        return data

    def chunks(self, name: str) -> Iterator[bytes]:
        """A file in pieces of a MiB. Raises `BundleError` where it is damaged."""
        try:
            with self.files[name].open() as opened:
                yield from iter(lambda: opened.read(1 << 20), b"")
        except BROKEN as error:
            raise BundleError(f"cannot be read ({reason(error)})", where=f"{self.origin}: {name}") from None


BROKEN = (
    OSError,
    EOFError,
    ValueError,
    RuntimeError,
    NotImplementedError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a member of a damaged or hostile archive raises."""


def reason(error: Exception) -> str:
    """Why something could not be read, in words that hold nothing of the file."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def clean(name: str) -> str:
    """A name with `/` between its parts, without `.` and empty parts; empty where it points outside."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    return "" if ".." in parts else "/".join(parts)


def folder(root: Path) -> Tree:
    """All plain files below a folder; links are not followed."""
    tree = Tree(str(root), "folder")
    pending = [root]
    while pending:
        here = pending.pop()
        for item in sorted(os.scandir(here), key=lambda found: found.name):
            path = Path(item.path)
            name = path.relative_to(root).as_posix()
            if item.is_symlink():
                tree.skipped[name] = "is a link"
            elif item.is_dir():
                pending.append(path)
            elif item.is_file():
                info = item.stat()
                tree.add(name, File(info.st_size, moment(info.st_mtime), _opener(path)))
            else:
                tree.skipped[name] = "is a special file"
    return tree


def tar(file: Any, origin: str) -> Tree:
    """The plain files of an uncompressed tar. A tar that ends too early gives what came before, and says so."""
    tree = Tree(origin, "tar")
    try:
        archive = tarfile.open(fileobj=file, mode="r:")  # noqa: SIM115 - stays open for its members
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise BundleError(f"is a damaged tar ({reason(error)})", where=origin) from None
    try:
        for member in archive:
            name = clean(member.name)
            if not name or not member.isreg():
                if not member.isdir():
                    tree.skipped[ascii(member.name)[1:-1][:200]] = "is no plain file"
                continue
            tree.add(name, File(member.size, moment(member.mtime), _member(archive, member)))
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        tree.skipped["(the rest)"] = f"the archive ends too early ({reason(error)})"
    return tree


def zipped(file: Any, origin: str) -> Tree:
    """The files of a zip. Raises `BundleError` where it is damaged or encrypted."""
    tree = Tree(origin, "zip")
    try:
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
    except BROKEN as error:
        raise BundleError(f"is a damaged zip ({reason(error)})", where=origin) from None
    if infos and all(info.flag_bits & 1 for info in infos if not info.is_dir()):
        raise BundleError("is an encrypted zip", where=origin, todo="Unpack it with its password, and give the folder")
    for info in infos:
        name = clean(info.filename)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if info.is_dir() or not name:
            continue
        if info.flag_bits & 1 or kind not in (0, stat.S_IFREG):
            tree.skipped[name] = "is encrypted" if info.flag_bits & 1 else "is no plain file"
            continue
        tree.add(name, File(info.file_size, _dos_time(info.date_time), _zip_member(archive, info)))
    return tree


def single(name: str, file: File, origin: str) -> Tree:
    """One file alone."""
    return Tree(origin, "file", {name: file})


def _opener(path: Path) -> Callable[[], Readable]:
    return lambda: path.open("rb")


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[], Readable]:
    def opened() -> Readable:
        found = archive.extractfile(member)
        if found is None:
            raise EOFError
        return found

    return opened


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], Readable]:
    return lambda: archive.open(info)


def moment(seconds: float) -> datetime | None:
    """A time in seconds since 1970; None where it is none."""
    try:
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=0) if seconds > 0 else None
    except (OverflowError, OSError, ValueError):
        return None


def _dos_time(fields: tuple[int, int, int, int, int, int]) -> datetime | None:
    try:
        return datetime(*fields, tzinfo=UTC) if fields[0] > 1980 else None
    except ValueError:
        return None
