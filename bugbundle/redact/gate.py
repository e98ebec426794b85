"""The gate to the file: cleans an entry, looks again by other means, lets nothing through that still holds a secret.

The config dumps of a mesh are the same few thousand lines over and over: a line that both opinions found clean once
is not looked at again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from bugbundle.errors import BugbundleError
from bugbundle.redact import doubt
from bugbundle.redact.detect import merged
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
            found = self._doubt(path, found)
        self._redactor.remember(look)
        return found

    def redact_stream(self, path: str, chunks: Iterable[bytes], removed: dict[str, int]) -> Iterator[bytes]:
        """A long log, cleaned and checked block by block; counts into `removed`."""
        stream = StreamRedactor(self._redactor, path)
        counted: Counter[str] = Counter()
        for chunk in chunks:
            yield self._checked(path, stream.feed(chunk), counted)
        yield self._checked(path, stream.close(), counted)
        counted.update(stream.removed)
        removed.update(counted)

    def _checked(self, path: str, ready: bytes, counted: Counter[str]) -> bytes:
        found = self._doubt(path, Redacted(ready))
        counted.update(found.removed)
        return found.body

    def _doubt(self, path: str, found: Redacted) -> Redacted:
        """Take out what the second opinion doubts: a value, a string or line, an item; raises `Leak` if that fails."""
        for step in (doubt.values, doubt.strings, doubt.lines):
            if not residue(path, found.body):
                return found
            more = self._redactor.without(found.body, merged(step(path, found.body)))
            found = Redacted(more.body, dict(Counter(found.removed) + Counter(more.removed)))
        kinds = residue(path, found.body)
        rest = doubt.items(path, found.body) if kinds else None
        if rest is not None:
            found, kinds = Redacted(rest, {**found.removed, doubt.KIND: 1}), residue(path, rest)
        if kinds:
            todo = "Nothing of it was written; please report this as a defect of bugbundle"
            raise Leak(f"still holds {', '.join(kinds)} after cleaning", where=path, todo=todo)
        return found
