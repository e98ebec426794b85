"""Redacting a log as it streams by: chunks in, chunks out, bounded memory whatever its size or the length of a line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from bugbundle.redact.redactor import Redactor

BLOCK = 1 << 20
"""Bytes gathered before a block is looked at."""

_HELD = 1 << 16
"""How far a private key may reach; also how much of an endless line is kept back."""

_KEY_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_BODY = re.compile(
    rb"(?:[A-Za-z0-9+/=:,. \r\n\t\\]|-(?!----))*+(?:-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)
_BREAK = re.compile(rb"[\s,;]")


class StreamRedactor:
    """Redacts one log in blocks of whole lines; holds at most some `BLOCK` + 64 KB and the chunk last given.

    `feed` takes the next bytes and gives what is ready, `close` gives the rest; `removed` counts by kind. A private
    key stays in one block. A line longer than a block is cut at a blank or comma, 64 KB before its known end.
    """

    def __init__(self, redactor: Redactor, path: str) -> None:
        self._redactor = redactor
        self._path = path
        self._held = b""
        self._in_key = False
        self._removed: Counter[str] = Counter()

    @property
    def removed(self) -> dict[str, int]:
        """How many secrets of each kind were taken out so far."""
        return dict(sorted(self._removed.items()))

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the log; gives those that are ready, without their secrets."""
        self._held += chunk
        ready: list[bytes] = []
        while len(self._held) >= BLOCK:
            window = self._held[: 2 * BLOCK]
            end = _block_end(window)
            ready.append(self._redact(self._held[:end]))
            self._held = self._held[end:]
        return b"".join(ready)

    def close(self) -> bytes:
        """The end of the log."""
        rest, self._held = self._held, b""
        return self._redact(rest)

    def _redact(self, block: bytes) -> bytes:
        if self._in_key:
            block = self._rest_of_key(block)
        begin = block.rfind(b"-----BEGIN ")
        found = _KEY_BEGIN.match(block, begin) if begin >= 0 else None
        self._in_key = found is not None and _reaches_end(block, found.end())
        redacted = self._redactor.redact(self._path, block)
        self._removed.update(redacted.removed)
        return redacted.body

    def _rest_of_key(self, block: bytes) -> bytes:
        """A block without the lines of a key that began in the block before (longer than any key is)."""
        body = _KEY_BODY.match(block)
        end = body.end() if body else 0
        if end == len(block):
            return b""
        return block[end:]


def redact_stream(redactor: Redactor, path: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks of a log without its secrets, in bounded memory."""
    stream = StreamRedactor(redactor, path)
    for chunk in chunks:
        for start in range(0, len(chunk), BLOCK):
            if ready := stream.feed(chunk[start : start + BLOCK]):
                yield ready
    if rest := stream.close():
        yield rest


def _reaches_end(block: bytes, start: int) -> bool:
    body = _KEY_BODY.match(block, start)
    return body is not None and body.end() == len(block) and not _KEY_END.search(block, start)


def _block_end(window: bytes) -> int:
    """Where to cut: behind a line end, before a private key that is not complete."""
    end = window.rfind(b"\n") + 1
    if end < len(window) - BLOCK // 2:
        end = _inside_line(window)
    begin = window.rfind(b"-----BEGIN ", max(0, end - _HELD), end)
    if begin > 0 and _KEY_BEGIN.match(window, begin) and not _KEY_END.search(window, begin, end):
        return begin
    return end


def _inside_line(window: bytes) -> int:
    """Where to cut a line without end: at a blank or comma with no word of a secret's name just before it."""
    limit = len(window) - _HELD
    for found in _BREAK.finditer(window, limit):
        before = window[max(0, found.start() - 120) : found.start()].lower()
        if not any(word in before for word in _TELLING):
            return found.start()
    return limit


_TELLING = (
    b"pass",
    b"pwd",
    b"secret",
    b"token",
    b"key",
    b"credential",
    b"auth",
    b"bearer",
    b"basic",
    b"cookie",
    b"://",
)
