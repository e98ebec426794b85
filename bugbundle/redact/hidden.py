"""Texts inside texts: what strings say without their escapes, URLs without percent signs, base64 when it is decoded.

A recording is JSON that holds JSON that holds YAML, logs quote what they were sent, people write secrets down in
base64. Each such text is looked at as it reads, and what is found in it is brought back to where it stands. All texts
of one depth are joined and looked at together.
"""

from __future__ import annotations

import base64
import functools
import re
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bugbundle.codec import JSONError, decode
from bugbundle.redact.escapes import Places, unescape
from bugbundle.redact.standin import Cut, Form

DEPTH = 5
"""Texts inside texts inside texts: so deep."""

_SEPARATOR = b"\n\0\n"
_QUOTED = re.compile(rb"\"([^\"\\\r\n]*+\\[^\r\n](?:[^\"\\\r\n]|\\[^\r\n])*+)\"?")
_SINGLE = re.compile(rb"'([^'\\\r\n]*+\\[^\r\n](?:[^'\\\r\n]|\\[^\r\n])*+)'")
_ENTITIES = {
    b"&quot;": b'"',
    b"&amp;": b"&",
    b"&lt;": b"<",
    b"&gt;": b">",
    b"&#39;": b"'",
    b"&apos;": b"'",
    b"&#34;": b'"',
}
_SPELLINGS: tuple[tuple[bytes, re.Pattern[bytes], Callable[[bytes], bytes]], ...] = (
    (b"''", re.compile(rb"''"), lambda _: b"'"),
    (b"&quot;", re.compile(b"|".join(_ENTITIES)), lambda entity: _ENTITIES[entity]),
    (b"&#3", re.compile(b"|".join(_ENTITIES)), lambda entity: _ENTITIES[entity]),
)
"""What a line is looked for, and what stands there in truth: single quotes of YAML, entities of HTML."""
_PERCENT = re.compile(rb"%[0-9A-Fa-f]{2}[^\s\"'<>\\]*+")
_URL_ENDS = re.compile(rb"[\s\"'<>\\]")
_URL_REACH = 2048
_PERCENT_CODE = re.compile(rb"%[0-9A-Fa-f]{2}")
_ALPHABET = re.compile(rb"[A-Za-z0-9+/_-]")
_ALIKE = bytes(65 if _ALPHABET.match(bytes([byte])) else 0 for byte in range(256))
_SHORTEST = 20
"""Characters of base64 that are worth decoding: 15 bytes."""
_LONGEST_LINE = 1 << 16
_LONG = b"A" * _SHORTEST
_BASE64 = re.compile(
    rb"[A-Za-z0-9+/_-]{20,}+(?:\r?\n[ \t]{0,40}+(?=[A-Za-z0-9+/_-]{4,}+={0,2}\s)[A-Za-z0-9+/_-]++)*+={0,2}"
)
_PRINTABLE = bytes(range(32, 127)) + b"\t\r\n"
_MOST_UNPACKED = 4 << 20


class Hidden(NamedTuple):
    """A text that stands from `start` to `end`: how it reads, and where its places are (None: it goes as a whole)."""

    start: int
    end: int
    plain: bytes
    places: Callable[[bytes], tuple[bytes, Places]] | None


def cuts(text: bytes, find: Callable[[bytes], list[Cut]], depth: int = DEPTH) -> Iterator[Cut]:
    """What `find` finds in the texts inside `text`, as places of `text`."""
    texts = list(_texts(text))
    if not texts:
        return
    joined = _SEPARATOR.join(hidden.plain for hidden in texts)
    starts = _starts(texts)
    found = list(find(joined))
    if depth > 1:
        found += cuts(joined, find, depth - 1)
    taken: set[int] = set()
    for cut in found:
        number = bisect_right(starts, cut.start) - 1
        hidden = texts[number]
        begin = cut.start - starts[number]
        end = min(cut.end - starts[number], len(hidden.plain))
        if end <= begin:
            continue
        if hidden.places is None:
            if number not in taken:
                taken.add(number)
                yield Cut(hidden.start, hidden.end, cut.kind, Form.BASE64)
            continue
        again = cut.quote.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        yield _back(text, hidden, cut._replace(start=begin, end=end, quote=again))


def _starts(texts: list[Hidden]) -> list[int]:
    starts, place = [], 0
    for hidden in texts:
        starts.append(place)
        place += len(hidden.plain) + len(_SEPARATOR)
    return starts


def _back(text: bytes, hidden: Hidden, cut: Cut) -> Cut:
    """A cut of the plain text as one of the text with escapes; of the whole string where its places are not known."""
    assert hidden.places is not None
    plain, places = hidden.places(text[hidden.start : hidden.end])
    if plain != hidden.plain:
        return Cut(hidden.start, hidden.end, cut.kind)
    return cut._replace(start=hidden.start + places(cut.start), end=hidden.start + places.end(cut.end))


def _texts(text: bytes) -> Iterator[Hidden]:
    if b"\\" in text:
        yield from _escaped(text)
    for mark, pattern, meaning in _SPELLINGS:
        if mark in text:
            yield from _lines(text, mark, functools.partial(unescape, escape=pattern, meaning=meaning))
    if b"%" in text:
        yield from _percent_encoded(text)
    yield from _encoded(text)


def _escaped(text: bytes) -> Iterator[Hidden]:
    for pattern in (_QUOTED, _SINGLE):
        if pattern is _SINGLE and b"'" not in text:
            return
        for found in pattern.finditer(text):
            raw = found[1]
            yield Hidden(*found.span(1), _plain(raw), unescape)


def _plain(raw: bytes) -> bytes:
    try:
        said = decode(b'"' + raw + b'"')
    except JSONError:
        return unescape(raw)[0]
    return str(said).encode("utf-8", "replace")


def _lines(text: bytes, mark: bytes, places: Callable[[bytes], tuple[bytes, Places]]) -> Iterator[Hidden]:
    """Lines on which something is spelled so that it reads otherwise."""
    place = text.find(mark)
    while place >= 0:
        start = text.rfind(b"\n", 0, place) + 1
        end = text.find(b"\n", place)
        end = len(text) if end < 0 else end
        if end - start < _LONGEST_LINE and text.count(mark, start, end) > 1:
            yield Hidden(start, end, places(text[start:end])[0], places)
        place = text.find(mark, end)


def _percent_encoded(text: bytes) -> Iterator[Hidden]:
    done = 0
    for found in _PERCENT.finditer(text):
        if found.start() < done:
            continue
        least = max(done, found.start() - _URL_REACH)
        before = text[least : found.start()]
        start = least + max((end.end() for end in _URL_ENDS.finditer(before)), default=0)
        done = found.end()
        yield Hidden(start, done, _unquote(text[start:done])[0], _unquote)


def _unquote(raw: bytes) -> tuple[bytes, Places]:
    return unescape(raw, _PERCENT_CODE, lambda code: bytes([int(code[1:], 16)]))


def _encoded(text: bytes) -> Iterator[Hidden]:
    """Runs of base64 (either alphabet, wrapped or not) that hold text, or packed text."""
    alike = text.translate(_ALIKE)
    place = alike.find(_LONG)
    while place >= 0:
        run = _BASE64.match(text, place)
        if not run:
            return
        plain = _decoded(run[0])
        if plain:
            yield Hidden(run.start(), run.end(), plain, None)
        place = alike.find(_LONG, run.end())


def _decoded(run: bytes) -> bytes | None:
    """The text in a run of base64; None where there is none."""
    if run[:200].islower() or not _promising(run[:28]):
        return None
    packed = b"".join(run.split()).rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
    packed = packed[: len(packed) // 4 * 4 + (len(packed) % 4 if len(packed) % 4 != 1 else 0)]
    try:
        plain = base64.b64decode(packed + b"=" * (-len(packed) % 4))
    except ValueError:
        return None
    if plain[:2] == b"\x1f\x8b":
        return _unpacked(plain)
    return plain if _is_text(plain) else None


def _promising(head: bytes) -> bool:
    """Whether what the first characters hold is text, or gzip's mark."""
    if head.startswith(b"H4sI"):
        return True
    whole = head.split(b"\n", 1)[0].replace(b"-", b"+").replace(b"_", b"/").rstrip(b"=")
    try:
        return _is_text(base64.b64decode(whole[: len(whole) // 4 * 4]))
    except ValueError:
        return False


def _is_text(plain: bytes) -> bool:
    odd = plain.translate(None, _PRINTABLE)
    if not odd:
        return True
    if len(odd) * 4 > len(plain):
        return False
    try:
        return plain.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def _unpacked(plain: bytes) -> bytes | None:
    try:
        return zlib.decompressobj(wbits=31).decompress(plain, _MOST_UNPACKED)
    except zlib.error:
        return None
