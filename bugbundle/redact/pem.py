"""Private keys as PEM, PuTTY and PGP write them: whole, cut off at either end, and line by line where each line has a
log's prefix before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.redact.standin import STANDIN_MARK, Cut

LITERALS = (b"PRIVATE KEY-----", b"PRIVATE KEY BLOCK-----", b"Private-Lines:")
_WORDS = rb"[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
_WHOLE = re.compile(
    rb"-----BEGIN "
    + _WORDS
    + rb"(?P<body>(?:[A-Za-z0-9+/=:,. \r\n\t\\]|-(?!----))*+)(?P<end>-----END "
    + _WORDS
    + rb")?"
)
_LINE = re.compile(rb"[A-Za-z0-9+/=]{16}")
_END = re.compile(rb"-----END " + _WORDS)
_TAIL = re.compile(rb"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{4,}+={0,2}(?=[^A-Za-z0-9+/=]{0,6}\Z)")
_PUTTY = re.compile(rb"Private-Lines:[ \t]*+(?P<lines>[0-9]{1,3}+)(?P<body>(?:[^\r\n]{0,200}+\r?\n?){0,200}+)")
_MOST_LINES = 400
_MOST_MISSES = 8


def cuts(data: bytes) -> Iterator[Cut]:
    """Every private key. A key whose lines stand behind prefixes goes line by line; the prefixes stay."""
    done = 0
    for found in _WHOLE.finditer(data):
        if found["end"] or not _more_lines(data, found.end()):
            if _LINE.search(found["body"]):  # else words about keys
                done = found.start() + len(found[0].rstrip(b"\\ \r\n\t"))
                yield Cut(found.start(), done, "private-key")
            continue
        lines = list(_lines(data, found.start()))
        yield from lines
        done = lines[-1].end if lines else done
    for found in _END.finditer(data):
        if found.start() >= done:
            yield from _backwards(data, found.start(), done)
            done = found.end()
    for found in _PUTTY.finditer(data):
        yield from _lines(data, found.start("body"))


def _more_lines(data: bytes, end: int) -> bool:
    """Whether something that is no key's line stands behind a key's beginning: a prefix, or words."""
    return end < len(data) and data.find(b"\n", data.rfind(b"\n", 0, end) + 1) >= 0


def _lines(data: bytes, start: int) -> Iterator[Cut]:
    """The parts of a key that begins at `start`, a line each, until its end or until no line is like one of a key."""
    place, misses, first = start, 0, True
    for _ in range(_MOST_LINES):
        end = data.find(b"\n", place)
        end = len(data) if end < 0 else end
        line = data[place:end]
        closing = _END.search(line)
        tail = _TAIL.search(line[: closing.start()].rstrip() if closing else line.rstrip())
        last = misses == 0 and not first and _END.match(data, end + 1 + _indent(data, end + 1)) is not None
        if tail and len(tail[0]) >= (4 if last else 16) and STANDIN_MARK not in line:
            yield Cut(place + tail.start(), place + tail.end(), "private-key")
            misses = 0
        elif not first:
            misses += 1
        if closing or misses > _MOST_MISSES or end >= len(data):
            return
        place, first = end + 1, False


def _indent(data: bytes, place: int) -> int:
    """How many bytes of the next line stand before a key's end, whatever prefix it has."""
    end = data.find(b"\n", place)
    found = data.find(b"-----END ", place, end if end >= 0 else len(data))
    return max(found - place, 0)


def _backwards(data: bytes, end: int, least: int) -> Iterator[Cut]:
    """The lines before a key's end whose beginning is not there."""
    place = data.rfind(b"\n", 0, end)
    for _ in range(_MOST_LINES):
        if place < least:
            return
        start = data.rfind(b"\n", 0, place) + 1
        tail = _TAIL.search(data[start:place].rstrip())
        if not tail or len(tail[0]) < 16 or STANDIN_MARK in data[start:place]:
            return
        yield Cut(start + tail.start(), start + tail.end(), "private-key")
        place = start - 1
