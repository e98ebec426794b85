"""A text without its escapes, and the way back from places in it to places in the text that has them."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable

_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_PLAIN_ESCAPES = {b"\\n": b"\n", b"\\t": b"\t", b"\\r": b"\r", b"\\b": b"\b", b"\\f": b"\f"}


class Places:
    """From places in the plain text to places in the text with escapes. Nothing begins or ends inside an escape."""

    def __init__(self) -> None:
        self._plain: list[int] = [0]
        self._raw: list[int] = [0]
        self._begin: list[int] = []

    def add(self, begin: int, end: int, plain_end: int) -> None:
        """The next escape: where it begins and ends, and where what it means ends."""
        self._begin.append(begin)
        self._raw.append(end)
        self._plain.append(plain_end)

    def __call__(self, place: int) -> int:
        """Where what begins at a place of the plain text begins."""
        index, raw = self._raw_place(place)
        return min(raw, self._begin[index]) if index < len(self._begin) else raw

    def end(self, place: int) -> int:
        """Where what ends at a place of the plain text ends: behind the escape of its last character."""
        if place <= 0:
            return 0
        index, raw = self._raw_place(place - 1)
        if index < len(self._begin) and raw >= self._begin[index]:
            return self._raw[index + 1]
        return raw + 1

    def _raw_place(self, place: int) -> tuple[int, int]:
        index = bisect_right(self._plain, place) - 1
        return index, self._raw[index] + place - self._plain[index]


def unescape(
    raw: bytes, escape: re.Pattern[bytes] = _ESCAPE, meaning: Callable[[bytes], bytes] | None = None
) -> tuple[bytes, Places]:
    """A text without its escapes (a JSON string's, unless told), and where its places were. Wrong ones stay."""
    meaning = meaning or _unescaped
    places = Places()
    parts: list[bytes] = []
    length = done = 0
    for found in escape.finditer(raw):
        plain = meaning(found[0])
        parts += (raw[done : found.start()], plain)
        length += found.start() - done + len(plain)
        done = found.end()
        places.add(found.start(), done, length)
    parts.append(raw[done:])
    return b"".join(parts), places


def _unescaped(escape: bytes) -> bytes:
    if escape[1:2] == b"u":
        codes = [int(part, 16) for part in escape[2:].split(b"\\u")] if len(escape) > 2 else []
        units = b"".join(code.to_bytes(2, "big") for code in codes)
        return units.decode("utf-16-be", "replace").encode()
    return _PLAIN_ESCAPES.get(escape, escape[1:])
