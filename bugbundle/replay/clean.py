"""Recordings that were not redacted when they were written (folders, other tools') are redacted when served.

A bundle that bugbundle wrote passes through as it is, byte for byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bugbundle.bundle import Bundle
from bugbundle.clean import CleanStore, is_redacted

if TYPE_CHECKING:
    from bugbundle.redact import Redactor


class Cleaner:
    """Takes secrets out of answers about a bundle that still has them; does nothing for any other."""

    def __init__(self, bundle: Bundle) -> None:
        clean = isinstance(bundle.store, CleanStore) or is_redacted(bundle)
        self._redactor = None if clean else _redactor()

    def shown(self, path: str, body: bytes) -> bytes:
        """An answer's bytes without secrets; `path` is the entry that it is made from."""
        return self._redactor.redact(path, body).body if self._redactor else body

    def bundle(self, bundle: Bundle) -> Bundle:
        """The bundle with every entry redacted as it is read."""
        return _CleanBundle(bundle, self._redactor) if self._redactor else bundle


def _redactor() -> Redactor:
    from bugbundle.redact import Redactor

    return Redactor()


class _CleanBundle(Bundle):
    """Another bundle's entries, redacted as they are read."""

    def __init__(self, bundle: Bundle, redactor: Redactor) -> None:
        super().__init__(bundle.store)
        self._redactor = redactor

    def __getitem__(self, path: str) -> bytes:
        return self._redactor.redact(path, super().__getitem__(path)).body
