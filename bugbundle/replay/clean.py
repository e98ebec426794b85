"""Recordings that were not redacted when they were written (folders, other tools') are redacted when served.

A bundle that bugbundle wrote passes through as it is, byte for byte.
"""

from __future__ import annotations

from bugbundle.bundle import Bundle
from bugbundle.bundle.reader import Store
from bugbundle.redact import Redactor


def is_redacted(bundle: Bundle) -> bool:
    """Whether secrets were taken out when the bundle was written."""
    counted = bundle.manifest.redacted if bundle.manifest else {}
    return bundle.header.tool.startswith("bugbundle") or bool(bundle.header.redaction) or bool(counted)


class Cleaner:
    """Takes secrets out of answers about a bundle that still has them; does nothing for any other."""

    def __init__(self, bundle: Bundle) -> None:
        self._redactor = None if is_redacted(bundle) else Redactor()

    def shown(self, path: str, body: bytes) -> bytes:
        """An answer's bytes without secrets; `path` is the entry that it is made from."""
        return self._redactor.redact(path, body).body if self._redactor else body

    def bundle(self, bundle: Bundle) -> Bundle:
        """The bundle with every entry redacted as it is read."""
        return Bundle(_CleanStore(bundle.store, self._redactor)) if self._redactor else bundle


class _CleanStore:
    """Another store's entries, redacted."""

    def __init__(self, store: Store, redactor: Redactor) -> None:
        self.origin = store.origin
        self.damage = list(store.damage)
        self.notes = list(store.notes)
        self._store = store
        self._redactor = redactor

    def names(self) -> list[str]:
        return self._store.names()

    def size(self, path: str) -> int:
        return self._store.size(path)

    def read(self, path: str) -> bytes:
        return self._redactor.redact(path, self._store.read(path)).body
