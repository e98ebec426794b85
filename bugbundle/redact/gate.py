"""The gate to the file: cleans an entry, looks again by other means, lets nothing through that still holds a secret.

The config dumps of a mesh are the same few hundred resources over and over: a resource that was found clean once is
not looked at again, only what is new in a dump is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bugbundle.codec import hash128
from bugbundle.errors import BugbundleError
from bugbundle.redact.redactor import Redacted, Redactor
from bugbundle.redact.residue import residue
from bugbundle.redact.stream import StreamRedactor
from bugbundle.xds import split

_DUMP = re.compile(r"(config_dump|/debug/(config_dump|edsz)/[^/]+)\.json$")


class Leak(BugbundleError):
    """A secret was still there after cleaning: names the entry and the kind, never the value."""


class Gate:
    """What a bundle's writer is given to clean with. Fails closed: raises `Leak` rather than let a secret pass."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self._redactor = redactor or Redactor()
        self._clean: set[bytes] = set()

    def redact(self, path: str, body: bytes) -> Redacted:
        """One entry, cleaned and checked."""
        if _DUMP.search(path) and self._nothing_new(path, body):
            return Redacted(body)
        found = self._redactor.redact(path, body)
        self._check(path, found.body)
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

    def _nothing_new(self, path: str, body: bytes) -> bool:
        """Whether a dump is clean: what stands between its resources, and the resources not seen clean before."""
        try:
            items = split(body).items
        except BugbundleError:
            return False
        parts: list[bytes] = []
        fresh: list[bytes] = []
        place = 0
        for item in items:
            if item.body is None:
                continue
            text = bytes(item.body)
            start = body.find(text, place)
            if start < 0:
                return False
            parts.append(body[place:start])
            place = start + len(text)
            digest = hash128(text)
            if digest not in self._clean:
                fresh.append(digest)
                parts.append(text)
        parts.append(body[place:])
        looked_at = b"\n".join(parts)
        if self._redactor.find(path, looked_at) or residue(path, looked_at):
            return False
        self._clean.update(fresh)
        return True

    def _check(self, path: str, body: bytes) -> None:
        kinds = residue(path, body)
        if kinds:
            todo = "Nothing of it was written; please report this as a defect of bugbundle"
            raise Leak(f"still holds {', '.join(kinds)} after cleaning", where=path, todo=todo)
