"""Whether a bundle is whole: every entry read and held against the manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from bugbundle.bundle.layout import MANIFEST
from bugbundle.bundle.reader import Bundle
from bugbundle.errors import BundleError


def verify(bundle: Bundle) -> Iterator[tuple[str, str]]:
    """(entry, what is wrong with it) for everything that is not as it was written; one frame in memory."""
    known = bundle.manifest.entries if bundle.manifest else {}
    for path in bundle:
        sha = hashlib.sha256()
        try:
            for piece in bundle.store.chunks(path):
                sha.update(piece)
        except BundleError as error:
            yield path, error.what
            continue
        entry = known.get(path)
        if entry is not None and entry.sha256 and entry.sha256 != sha.hexdigest():
            yield path, "is not what the manifest says (sha256 differs)"
    for path in known:
        if path not in bundle:
            yield path, "is in the manifest and not in the bundle"
    if bundle.manifest is None:
        yield MANIFEST, "missing: the capture was cut off, or this is a part of a bundle"
