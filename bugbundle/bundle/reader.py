"""Reading a bundle: an archive, an unpacked folder and a plain dict all serve."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Protocol

from bugbundle.bundle.formats import FORMATS, Formats, Renamed
from bugbundle.bundle.layout import HEADER, MANIFEST, TOP, check_name
from bugbundle.bundle.manifest import parse_header, parse_manifest, read_number
from bugbundle.bundle.model import FORMAT, Damage, Entry, Gap, Header, Manifest
from bugbundle.codec import JSONError
from bugbundle.errors import BundleError
from bugbundle.xds.index import XdsIndex


class Store(Protocol):
    """Where the entries' bytes lie."""

    origin: str
    damage: list[Damage]
    notes: list[str]

    def names(self) -> list[str]:
        """Every entry, in the store's own order."""

    def size(self, path: str) -> int:
        """Bytes of one entry; KeyError where it is absent."""

    def read(self, path: str) -> bytes:
        """One entry; KeyError where it is absent, `BundleError` where it is damaged."""

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry in pieces, for what may be larger than memory."""

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """The stored index of all config dumps; None where there is none that can be trusted."""


class DictStore:
    """Entries in memory: for tests and importers."""

    def __init__(self, entries: Mapping[str, bytes], origin: str = "<memory>") -> None:
        self.origin = origin
        self.damage: list[Damage] = []
        self.notes: list[str] = []
        self._entries = {check_name(path): body for path, body in entries.items()}

    def names(self) -> list[str]:
        """Every entry."""
        return list(self._entries)

    def size(self, path: str) -> int:
        """Bytes of one entry."""
        return len(self._entries[path])

    def read(self, path: str) -> bytes:
        """One entry."""
        return self._entries[path]

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry, in one piece."""
        yield self._entries[path]

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """None: only archives carry one."""
        return None


class FolderStore:
    """An unpacked bundle. Links and special files are not followed; they are named in `damage`."""

    def __init__(self, root: Path) -> None:
        self.origin = str(root)
        self.damage: list[Damage] = []
        self.notes: list[str] = []
        self._root = root
        self._expect()
        self._sizes = dict(self._walk())

    def _expect(self) -> None:
        """A folder without any name of a bundle's top level is not walked."""
        found = {item.name for item in os.scandir(self._root)}
        if found & TOP:
            return
        if not found:
            raise BundleError("is an empty folder", where=self.origin)
        todo = "A bundle's folder holds bundle.json, k8s/, istiod/, proxies/, ztunnel/ or logs/"
        if (self._root / "bundle" / HEADER).is_file():
            todo = f"The bundle is the folder {self._root / 'bundle'}"
        raise BundleError("is a folder, but not of a bundle", where=self.origin, todo=todo)

    def _walk(self) -> Iterator[tuple[str, int]]:
        pending = [""]
        while pending:
            folder = pending.pop()
            for item in sorted(os.scandir(self._root / folder), key=lambda found: found.name):
                path = f"{folder}{item.name}"
                if item.is_symlink() or not (item.is_dir() or item.is_file()):
                    self.damage.append(Damage(path, "is a link or a special file, not read"))
                elif item.is_dir():
                    pending.append(path + "/")
                else:
                    yield path, item.stat().st_size

    def names(self) -> list[str]:
        """Every file under the folder, as entry paths."""
        return sorted(self._sizes)

    def size(self, path: str) -> int:
        """Bytes of one entry."""
        return self._sizes[path]

    def read(self, path: str) -> bytes:
        """One entry."""
        if path not in self._sizes:
            raise KeyError(path)
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise BundleError(f"cannot be read ({error.strerror})", where=f"{self.origin}/{path}") from None

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry in pieces of a MiB."""
        with (self._root / path).open("rb") as file:
            yield from iter(lambda: file.read(1 << 20), b"")

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """None: only archives carry one."""
        return None


class Bundle(Mapping[str, bytes]):
    """A read-only mapping from entry path to bytes, with header, manifest and gaps.

    `bundle[path]` raises KeyError for an absent entry and `BundleError` for a damaged one; `entry(path)`
    tells what was asked when; `gaps` are the questions without an answer; `notes` must stand at the top of
    everything that is said about this bundle (cut off, no manifest, damaged).
    """

    def __init__(self, store: Store, formats: Formats = FORMATS) -> None:
        self._formats = formats
        self.store = self._newest(store)
        store = self.store
        self.notes: list[str] = list(store.notes)
        self.damage: list[Damage] = list(store.damage)
        self._names = dict.fromkeys(store.names())
        if not any(path not in (HEADER, MANIFEST) for path in self._names):
            self.notes.append("holds no entries: nothing was recorded")
        self.header: Header = self._header()
        self.manifest: Manifest | None = self._manifest()
        self.gaps: dict[str, Gap] = dict(self.manifest.gaps) if self.manifest else {}
        self.foreign = ""
        """What kind of recording it is, where it is not one of ours: `an istioctl bug-report`."""
        self.absent: Callable[[str], Gap] | None = None
        """Why such a recording lacks an entry."""
        for spot in self.damage:
            self.notes.append(f"{spot.path}: {spot.reason}")

    @classmethod
    def from_entries(cls, entries: Mapping[str, bytes | str], origin: str = "<memory>") -> Bundle:
        """A bundle out of a plain dict."""
        return cls(DictStore({p: b.encode() if isinstance(b, str) else b for p, b in entries.items()}, origin))

    @property
    def origin(self) -> str:
        """The file or folder that was opened."""
        return self.store.origin

    @property
    def started(self) -> datetime | None:
        """When the capture began: the «now» of every age where an entry has no time of its own."""
        return self.header.started or (self.manifest.started if self.manifest else None)

    def __getitem__(self, path: str) -> bytes:
        if path not in self._names:
            raise KeyError(path)
        try:
            return self.store.read(path)
        except BundleError as error:
            self._damaged(path, error)
            raise

    def _damaged(self, path: str, error: BundleError) -> None:
        """Once found, damage is said at the top of everything."""
        if not any(spot.path == path for spot in self.damage):
            self.damage.append(Damage(path, error.what))
            self.notes.append(f"{path}: {error.what}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, path: object) -> bool:
        return path in self._names

    def paths(self, prefix: str = "", suffix: str = "") -> list[str]:
        """The entries whose path starts and ends so, in the bundle's order."""
        return [path for path in self._names if path.startswith(prefix) and path.endswith(suffix)]

    def entry(self, path: str) -> Entry:
        """What the manifest says of an entry; without a manifest, its size alone. KeyError where absent."""
        if self.manifest and path in self.manifest.entries:
            return self.manifest.entries[path]
        return Entry(path, self.store.size(path))

    def at(self, path: str) -> datetime | None:
        """When the entry was asked for, else when the capture began."""
        known = self.manifest.entries.get(path) if self.manifest else None
        return (known.at if known else None) or self.started

    def gap(self, path: str) -> Gap:
        """Why an entry is absent: the recorded gap, or one that says that it was not asked for."""
        known = self.gaps.get(path)
        if known is None and self.absent is not None:
            return self.absent(path)
        return known or Gap(path, reason=self._absence())

    def xds_index(self) -> XdsIndex:
        """The index of all config dumps: the archive's own where it has a sound one, else one that grows."""
        stored = self.store.xds_index(self._body)
        return stored if stored is not None else XdsIndex(self._body)

    def _body(self, path: str) -> bytes:
        return self[path]

    def _absence(self) -> str:
        return "not recorded" if self.manifest else "not in this bundle, which has no manifest to tell why"

    def _newest(self, store: Store) -> Store:
        """The store under the names of the newest format."""
        number = self._formats.newest
        present = set(store.names())
        for path in (HEADER, MANIFEST):
            if path in present:
                with suppress(BundleError, JSONError):  # told of when it is parsed
                    number = read_number(store.read(path), path, self._formats)
                    break
        return store if number == self._formats.newest else Renamed(store, self._formats, number)

    def _header(self) -> Header:
        if HEADER in self._names:
            try:
                return parse_header(self.store.read(HEADER), f"{self.origin}: {HEADER}", self._formats)
            except JSONError as error:
                self.notes.append(f"{HEADER}: {error.what}")
        return Header(format=FORMAT, tool="", started=None)

    def _manifest(self) -> Manifest | None:
        if MANIFEST not in self._names:
            self.notes.append(f"no {MANIFEST}: the capture was cut off, or this is a part of a bundle")
            return None
        try:
            return parse_manifest(self.store.read(MANIFEST), f"{self.origin}: {MANIFEST}", self._formats)
        except BundleError as error:
            self.notes.append(f"{error.text}: gaps and times are unknown")
            return None


def open_bundle(path: str | os.PathLike[str]) -> Bundle:
    """Open an archive or an unpacked folder. Raises `BundleError` for anything else, and only that."""
    target = Path(path)
    try:
        if target.is_dir():
            return Bundle(FolderStore(target))
        if not target.exists():
            raise BundleError("no such file", where=str(target), todo="Check the path of the bundle")
        if not target.is_file():
            raise BundleError("is neither a file nor a folder", where=str(target))
        from bugbundle.bundle.archive import ArchiveStore

        return Bundle(ArchiveStore(target))
    except OSError as error:
        raise BundleError(f"cannot be opened ({error.strerror})", where=str(target)) from None
