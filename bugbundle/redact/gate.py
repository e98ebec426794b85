"""The gate to the file: cleans an entry, looks again by other means, lets nothing through that still holds a secret.

The config dumps of a mesh are the same few thousand lines over and over: a line that both opinions found clean once
is not looked at again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bugbundle.errors import BugbundleError
from bugbundle.redact.redactor import Redacted, Redactor
from bugbundle.redact.residue import residue
from bugbundle.redact.stream import StreamRedactor


class Leak(BugbundleError):
    """A secret was still there after cleaning: names the entry and the kind, never the value."""


class Gate:
    """What a bundle's writer is given to clean with. Fails closed: raises `Leak` rather than let a secret pass."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()

    def learn(self, path: str, body: bytes) -> None:
        """Show an entry before its turn: if Secrets are in it, their copies go from all others, too."""
        self._redactor.learn(path, body)

    def redact(self, path: str, body: bytes) -> Redacted:
        """One entry, cleaned and checked. What was new in it is remembered once both opinions found it clean."""
        self._redactor.learn(path, body)
        look = self._redactor.look(path, body)
        found = self._redactor.clean(path, body, look)
        if found.removed or residue(path, body, look.fresh.text):
            self._check(path, found.body)
        self._redactor.remember(look)
        return found

    def redact_stream(self, path: str, chunks: Iterable[bytes], removed: dict[str, int]) -> Iterator[bytes]:
        """A long log, cleaned and checked block by block; counts into `removed`."""
        stream = StreamRedactor(self._redactor, path)
        for chunk in chunks:
            ready = stream.feed(chunk)
            self._check(path, ready)
            yield ready
        rest = stream.close()
        self._check(path, rest)
        removed.update(stream.removed)
        yield rest

    def _check(self, path: str, body: bytes) -> None:
        kinds = residue(path, body)
        if kinds:
            todo = "Nothing of it was written; please report this as a defect of bugbundle"
            raise Leak(f"still holds {', '.join(kinds)} after cleaning", where=path, todo=todo)
