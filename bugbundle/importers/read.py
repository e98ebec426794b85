"""Files to a bundle: which layouts they have, what is taken by content, when it was, what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import ModuleType
from typing import Protocol

from bugbundle.bundle import FORMAT, Bundle, Entry, Header, Manifest
from bugbundle.bundle.layout import READ_FROM
from bugbundle.bundle.manifest import parse_time
from bugbundle.errors import BugbundleError, BundleError
from bugbundle.importers import bugreport, clusterdump, crust, expected, inspected, loose, shark, troubleshoot
from bugbundle.importers.draft import APART, Draft, DraftStore
from bugbundle.importers.looks import TAKEN, what_they_are
from bugbundle.importers.tree import Tree
from bugbundle.importers.whose import Names


class Layout(Protocol):
    """How one tool lays out what it records."""

    NAME: str
    """What it is called: `istioctl bug-report`."""

    def detect(self, tree: Tree) -> bool:
        """Whether files are laid out so."""

    def read(self, draft: Draft, names: Names) -> None:
        """Take the files that are."""


LAYOUTS: tuple[ModuleType, ...] = (shark, bugreport, inspected, troubleshoot, crust, clusterdump)
_STAMP = re.compile(rb"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")


def bundle_of(tree: Tree) -> Bundle:
    """Somebody else's files as a bundle. Raises `BundleError` where nothing in them is known."""
    draft, names = Draft(tree), Names()
    _date(draft)
    found = [layout for layout in LAYOUTS if layout.detect(tree)]
    for reader in (*(layout.read for layout in found), lambda draft, names: loose.read(draft, names, found)):
        try:
            reader(draft, names)
        except BugbundleError as error:
            draft.problems.append(error.text)
    what = " and ".join(layout.NAME for layout in found) or loose.what(draft)
    if not draft.entries and not draft.lists:
        raise _nothing(tree, draft, what if found else "")
    store = draft.store()
    expected.absent(draft, what)
    return _bundle(draft, store, what)


def _bundle(draft: Draft, store: DraftStore, what: str) -> Bundle:
    bundle = Bundle(store)
    started = draft.now
    clusters = (draft.cluster,) if draft.cluster else ()
    bundle.header = Header(format=FORMAT, tool=what, started=started, clusters=clusters)
    bundle.manifest = Manifest(FORMAT, started, started, _Entries(draft, store), dict(draft.gaps))
    bundle.gaps = dict(draft.gaps)
    bundle.foreign = what
    bundle.absent = lambda path: expected.gap(path, what)
    bundle.notes = list(_notes(draft, what))
    return bundle


def _notes(draft: Draft, what: str) -> Iterator[str]:
    yield f"{READ_FROM} {article(what)}: what it does not hold is not evaluated"
    yield from draft.problems[:5]
    if len(draft.problems) > 5:
        yield f"{len(draft.problems) - 5} more files could not be read"
    odd = [f"{name}: {why}" for name, why in draft.tree.skipped.items() if why not in ("is a link", "is no plain file")]
    yield from odd[:5]
    if len(odd) > 5:
        yield f"{len(odd) - 5} more files were passed over"


class _Entries(Mapping[str, Entry]):
    """What is known of each entry; its size is worked out when it is asked for."""

    def __init__(self, draft: Draft, store: DraftStore) -> None:
        self._draft, self._store = draft, store

    def __getitem__(self, path: str) -> Entry:
        piece = self._draft.entries[path]
        return Entry(path, self._store.size(path), "", piece.target, piece.request, at=piece.at or self._draft.now)

    def __contains__(self, path: object) -> bool:
        return path in self._draft.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._draft.entries)

    def __len__(self) -> int:
        return len(self._draft.entries)


def _date(draft: Draft) -> None:
    """When it was recorded: the time of its files, unless they were copied later than the last line of its logs."""
    files = draft.tree.files
    written = max((file.at for file in files.values() if file.at is not None), default=None)
    logs = [name for name in files if name.endswith((".log", "logs.txt"))][:400]
    said = max((when for name in logs for when in _times(draft.tree.tail(name))), default=None)
    draft.said = said.replace(microsecond=0) if said else None
    draft.now = written if said is None or (written is not None and abs(written - said) < APART) else draft.said


def _times(data: bytes) -> Iterator[datetime]:
    for stamp in _STAMP.findall(data)[-3:]:
        when = parse_time(stamp.decode().replace(" ", "T"))
        if when is not None:
            yield when


def _nothing(tree: Tree, draft: Draft, what: str) -> BundleError:
    """The error for files of which none is known: what they look like, what was looked for."""
    where, why = tree.origin, _why(draft)
    if what:
        return BundleError(f"looks like {article(what)}, and holds nothing that can be read", where=where, todo=why)
    if not tree.files:
        said = "is an empty folder" if tree.form == "folder" else "holds no files"
        return BundleError(said, where=where, todo=why)
    like = what_they_are(list(tree.files))
    if like:
        return BundleError(f"looks like {like}", where=where, todo=TAKEN)
    kind = {"folder": "is a folder", "file": "is a file", "tar": "is a tar", "zip": "is a zip"}[tree.form]
    first = ascii(next(iter(tree.files)))[:80]
    inside = "" if tree.form == "file" else f" ({len(tree.files)} files, the first {first})"
    return BundleError(f"{kind} in which nothing is known{inside}", where=where, todo=TAKEN)


def article(what: str) -> str:
    """`an istioctl bug-report`."""
    return f"{'an' if what[:1].lower() in 'aeiou' else 'a'} {what}"


def _why(draft: Draft) -> str:
    said = [*draft.problems, *(f"{name}: {why}" for name, why in draft.tree.skipped.items())]
    return "; ".join(said[:3])
