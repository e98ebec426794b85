"""What a command reads: a bundle that bugbundle wrote as it is, everything else through the gate, entry by entry.

A folder, or an archive that other tools made, holds what was recorded, secrets and all. It is cleaned as it is read, so
that no answer, report or replay shows what a bundle would not hold.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from bugbundle.bundle import Bundle, Gap, open_bundle
from bugbundle.bundle.layout import HEADER, MANIFEST
from bugbundle.errors import BugbundleError, BundleError

if TYPE_CHECKING:
    from bugbundle.bundle.reader import Store
    from bugbundle.redact.gate import Gate
    from bugbundle.xds.index import XdsIndex


def open_clean(path: str | os.PathLike[str]) -> Bundle:
    """A bundle as `open_bundle` opens it, without secrets. Raises `BundleError`."""
    return cleaned(open_bundle(path))


def cleaned(bundle: Bundle) -> Bundle:
    """The bundle itself where it was written clean, else one whose entries are cleaned as they are read."""
    if is_redacted(bundle) and getattr(bundle.store, "sealed", False):
        return bundle
    store = CleanStore(bundle)
    made = Bundle(store)
    if bundle.foreign:  # what is known of another tool's recording stands beside its entries, not among them
        made.header, made.manifest, made.gaps = bundle.header, bundle.manifest, dict(bundle.gaps)
        made.notes, made.foreign, made.absent = list(bundle.notes), bundle.foreign, bundle.absent
    made.gaps = {path: store.gap(gap) for path, gap in made.gaps.items()}
    return made


def is_redacted(bundle: Bundle) -> bool:
    """Whether a bundle says that secrets were taken out when it was written."""
    counted = bundle.manifest.redacted if bundle.manifest else {}
    return bundle.header.tool.startswith("bugbundle") or bool(bundle.header.redaction) or bool(counted)


class CleanStore:
    """Another store's entries, through the gate. One that is as a cleaned bundle's manifest says passes as it is."""

    def __init__(self, bundle: Bundle) -> None:
        self.origin = bundle.store.origin
        self.damage = bundle.store.damage
        self.notes = bundle.store.notes
        self._store: Store = bundle.store
        known = bundle.manifest.entries if bundle.manifest and is_redacted(bundle) else {}
        self._hashes = {path: entry.sha256 for path, entry in known.items() if entry.sha256}
        self._gate: Gate | None = None

    def names(self) -> list[str]:
        """Every entry."""
        return self._store.names()

    def size(self, path: str) -> int:
        """Bytes of one entry as it lies there."""
        return self._store.size(path)

    def read(self, path: str) -> bytes:
        """One entry without secrets; `BundleError` where it cannot be read, or cannot be cleaned."""
        body = self._store.read(path)
        if self._is_as_written(path, body):
            return body
        try:
            return self._ready().redact(path, body).body
        except BundleError:
            raise
        except BugbundleError as error:
            raise BundleError(error.what, where=path) from None

    def chunks(self, path: str) -> Iterator[bytes]:
        """One entry in pieces, without secrets."""
        if path.startswith("logs/"):
            yield from self._ready().redact_stream(path, self._store.chunks(path), {})
            return
        yield self.read(path)

    def xds_index(self, read: Callable[[str], bytes]) -> XdsIndex | None:
        """None: it would have been made of what was not cleaned."""
        return None

    def gap(self, gap: Gap) -> Gap:
        """A gap whose reason holds no secret."""
        reason = self._ready().redact("gap", gap.reason.encode("utf-8", "replace")).body.decode("utf-8", "replace")
        return Gap(gap.path, gap.target, gap.request, gap.status, reason)

    def _is_as_written(self, path: str, body: bytes) -> bool:
        if path == MANIFEST:
            return bool(self._hashes)
        expected = self._hashes.get(path)
        return expected is not None and expected == hashlib.sha256(body).hexdigest()

    def _ready(self) -> Gate:
        """The gate, once it has seen the recording's Secrets: it knows copies of them wherever they stand."""
        if self._gate is None:
            from bugbundle.redact.detect import holds_secrets
            from bugbundle.redact.gate import Gate

            self._gate = Gate()
            for path in self._store.names():
                if holds_secrets(path) and path != HEADER:
                    with suppress(BugbundleError):  # told of when it is read
                        self._gate.learn(path, self._store.read(path))
        return self._gate
