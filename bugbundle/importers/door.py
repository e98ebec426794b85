"""The door: any path to a bundle."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.bundle.layout import HEADER, MANIFEST
from bugbundle.bundle.sealed import MAGIC, is_sealed
from bugbundle.errors import BundleError
from bugbundle.istio import Source, source_of

if TYPE_CHECKING:
    from bugbundle.importers.tree import Tree

STDIN = "-"


def open_recording(path: str | os.PathLike[str], stdin: Callable[[], bytes] | None = None) -> Bundle:
    """A bundle, or anybody else's recording as one: a folder, an archive, one file, `-` for standard input.

    `stdin` gives what stands there, where it may have been read before. Raises `BundleError` for what is not there,
    damaged, or nothing that is known.
    """
    name = os.fspath(path)
    if name == STDIN:
        from bugbundle.importers.unpack import open_stream

        return _foreign(open_stream(io.BytesIO(stdin()) if stdin else sys.stdin.buffer, "standard input"))
    target = Path(name)
    try:
        ours = _ours(target)
        if ours is not None:
            return ours
        from bugbundle.importers.unpack import open_tree

        return _foreign(open_tree(target))
    except OSError as error:
        raise BundleError(f"cannot be opened ({error.strerror})", where=name) from None


ZSTD = b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x2a\x4d\x18"


def _ours(path: Path) -> Bundle | None:
    """The bundle, or part of one, that is there; None where there is something else.

    Raises `BundleError` where there is nothing, or a bundle that cannot be read.
    """
    if path.is_dir():
        ours = (path / HEADER).is_file() or (path / MANIFEST).is_file() or _has_our_names(path)
        return open_bundle(path) if ours else None
    if not path.is_file():
        return open_bundle(path)
    with path.open("rb") as opened:
        head = opened.read(len(MAGIC))
    if is_sealed(head):
        return open_bundle(path)
    head = head[:4]
    if head != ZSTD and head[1:] != SKIPPABLE:
        return None
    try:
        bundle = open_bundle(path)
    except BundleError:
        if _begins_as_ours(path):
            raise
        return None
    return bundle if HEADER in bundle or MANIFEST in bundle or any(map(_named, bundle)) else None


def _begins_as_ours(path: Path) -> bool:
    """Whether a zstd file that cannot be read as a bundle begins as one: the first entry is the header."""
    from bugbundle.importers.unpack import first_bytes

    start = first_bytes(path)
    return not start or HEADER.encode() in start[:1024] or start[257:262] != b"ustar"


def _named(name: str) -> bool:
    return source_of(name) is not Source.BUNDLE


def _has_our_names(root: Path) -> bool:
    """Whether any file of an unpacked folder has the path of an entry of ours."""
    for top in ("k8s", "istiod", "proxies", "ztunnel", "logs"):
        for folder, _, files in os.walk(root / top):
            place = Path(folder).relative_to(root).as_posix()
            if any(_named(f"{place}/{file}") for file in files):
                return True
    return False


def _foreign(tree: Tree) -> Bundle:
    from bugbundle.importers.read import bundle_of

    return bundle_of(tree)
