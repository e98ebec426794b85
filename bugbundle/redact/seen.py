"""What of an entry was not in any entry before: a recording repeats itself, so most of it is looked at once.

JSON is cut between its strings, never inside one: pretty JSON at its line ends, compact JSON before the names and
strings that follow a comma. What a string holds therefore stays whole, and all that is judged by a string alone may be
judged by the new pieces alone. What stands apart (a name and the value below it) is not: whoever suspects a piece
looks at the whole entry, and must not have the piece remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

MOST = 24 << 20
"""Bytes that the remembered pieces may take, their administration included."""

_LONGEST = 1024
_COST = 120
"""What a remembered piece costs beside its bytes: an object's head, a place in a set that is half full."""
_WINDOW = 4 << 20
_PRETTY = 200
"""Bytes per line below which JSON counts as pretty."""
_SAMPLE = 1 << 16
_LINE, _COMMA = b"\n", b',"'
_BETWEEN = b"\n\0\n"
_TOKENS = re.compile(
    rb"(?:[\s\0{}\[\]:,]++|\"(?:[^\"\\\r\n]++|\\[^\r\n])*+\"|-?[0-9][0-9.eE+-]{0,40}+|true|false|null)*+"
)
"""Nothing but JSON's tokens, every string closed on its line."""


class Fresh(NamedTuple):
    """What is new in an entry: `text` joins it (the whole entry where it cannot be cut); `pieces` to remember."""

    text: bytes
    pieces: set[bytes]
    separator: bytes


class Seen:
    """Pieces of JSON that were found clean. Forgets them all when they take more than `MOST` bytes."""

    def __init__(self) -> None:
        self._clean: dict[bytes, set[bytes]] = {_LINE: set(), _COMMA: set()}
        self._size = 0

    def fresh(self, body: bytes) -> Fresh:
        """What of `body` is new. Whole where a string would be cut, that is: where it is not JSON."""
        pretty = body.count(b"\n", 0, _SAMPLE) * _PRETTY > min(len(body), _SAMPLE)
        separator, opening = (_LINE, b"") if pretty else (_COMMA, b'"')
        first, pieces = self._cut(body, separator)
        text = (_BETWEEN + opening).join((first, *pieces))
        if not _TOKENS.fullmatch(text):
            return Fresh(body, set(), separator)
        return Fresh(text, pieces, separator)

    def remember(self, fresh: Fresh, suspicious: Iterable[int] = ()) -> None:
        """The pieces are clean, but for those at the `suspicious` places of the text."""
        if not fresh.pieces:
            return
        spoilt = set(_pieces_at(fresh.text, suspicious))
        kept = [piece for piece in fresh.pieces if len(piece) <= _LONGEST and piece not in spoilt]
        self._size += sum(map(len, kept)) + _COST * len(kept)
        if self._size > MOST:
            self._forget()
            return
        self._clean[fresh.separator].update(kept)

    def doubt(self, suspects: Callable[[bytes], object]) -> None:
        """There is something new to look for: forget all, if what is remembered holds it."""
        if any(clean and suspects(_BETWEEN.join(clean)) for clean in self._clean.values()):
            self._forget()

    def _forget(self) -> None:
        for clean in self._clean.values():
            clean.clear()
        self._size = 0

    def _cut(self, body: bytes, separator: bytes) -> tuple[bytes, set[bytes]]:
        """The first piece, and those of the others that are not known to be clean; window by window."""
        first_end = body.find(separator)
        if first_end < 0:
            return body, set()
        fresh: set[bytes] = set()
        clean = self._clean[separator]
        start = first_end + len(separator)
        while start <= len(body):
            end = len(body)
            if end - start > _WINDOW:
                end = body.rfind(separator, start, start + _WINDOW)
                end = body.find(separator, start) if end < 0 else end
                end = len(body) if end < 0 else end
            fresh.update(set(body[start:end].split(separator)) - clean)
            start = end + len(separator)
        return body[:first_end], fresh


def _pieces_at(text: bytes, places: Iterable[int]) -> Iterable[bytes]:
    """The pieces that hold the places, as they were cut: also without the quote that was put before them."""
    done = -1
    for place in sorted(places):
        if place >= done:
            found = text.rfind(_BETWEEN, 0, place + len(_BETWEEN))
            start = found + len(_BETWEEN) if found >= 0 else 0
            end = text.find(_BETWEEN, place)
            done = end if end >= 0 else len(text)
            yield text[start:done]
            yield text[start:done].removeprefix(b'"')
