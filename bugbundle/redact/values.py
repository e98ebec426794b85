"""How a value is written, and where it ends: quoted behind any number of backslashes, bare, to the end of its line, as
a YAML block. Nothing here knows which names are secret.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_QUOTE = re.compile(rb"(\\*+)\"")
SINGLE = re.compile(rb"(?:[^'\"\\\r\n]|\\++(?![nr\"']).)*+", re.DOTALL)
WORD_VALUE = re.compile(
    rb"(?:[^\s\"'\\;,)\]}<>]|[,)\]}](?=[^\s\"'\\;,)\]}])(?![\w.-]{1,40}+[=:\"])|\\++(?![nrt\"'\\]|u0026|u003[ce]).)*+",
    re.DOTALL,
)
QUERY_VALUE = re.compile(rb"[^\s\"'\\&#<>,;]*+")
LINE_VALUE = re.compile(rb"(?:[^\"\\\r\n]|\\++(?![nr\"\\]).)*+", re.DOTALL)
_MORE_NAMES = re.compile(rb"\s[\w.-]{1,40}+=")
_COMMENT = re.compile(rb"[ \t]+(?:#.*)?\Z", re.DOTALL)
BLOCK = re.compile(rb"[|>][+-]?[0-9]?[+-]?[ \t]*+(?:\r?\n|\\++n)")
_BLOCK_LINE = re.compile(
    rb"(?P<indent>[ ]{0,400}+)(?P<text>(?:[^\"\\\r\n]|\\++(?![nr]).)*+)(?P<end>\r?\n|\\++n)?", re.DOTALL
)


class Value(NamedTuple):
    """A value's place, and whether its surroundings alone (quotes, a line of its own) make it that name's value."""

    start: int
    end: int
    certain: bool
    quote: bytes = b""
    """What the stand-in needs around it: the value is a number, or another bare word, where a text must be quoted."""


def unquoted(data: bytes, start: int, opened: bytes | None, pattern: re.Pattern[bytes], certain: bool) -> Value | None:
    """A value at `start`: quoted where a quote `opened` it, else as far as `pattern` goes."""
    if opened:
        return Value(start, quoted_end(data, start, opened), certain)
    found = pattern.match(data, start)
    return Value(start, found.end(), certain) if found else None


def line_value(data: bytes, start: int, opened: bytes | None) -> Value | None:
    """A value that has the rest of its line to itself, or the lines of a YAML block below it."""
    if opened:
        return Value(start, quoted_end(data, start, opened), True)
    block = BLOCK.match(data, start)
    if block:
        return block_value(data, block.end())
    end = line_end(data, start)
    text = data[start:end]
    if _MORE_NAMES.search(text) or text[:1] in (b"{", b"["):
        return unquoted(data, start, None, WORD_VALUE, True)
    comment = _COMMENT.search(text) if b" " in text or b"\t" in text else None
    return Value(start, start + comment.start() if comment else end, True)


def after_start(data: bytes, start: int, before: re.Match[bytes], operator: bytes) -> Value | None:
    """The value of a name that begins its line or its string."""
    if before["quote"] == b"'":
        return unquoted(data, start, None, SINGLE, operator == b"=")
    if before["shell"]:
        return unquoted(data, start, None, WORD_VALUE, operator == b"=")
    if before["quote"] and not BLOCK.match(data, start):
        end = line_end(data, start)
        if _MORE_NAMES.search(data, start, end):
            return unquoted(data, start, None, WORD_VALUE, operator == b"=")
        return Value(start, end, operator == b"=" or b" " not in data[start:end])
    return line_value(data, start, None)


def line_end(data: bytes, start: int) -> int:
    """Where the line ends, also that of a text inside a JSON string; a quote ends it too."""
    found = LINE_VALUE.match(data, start)
    return found.end() if found else start


def block_value(data: bytes, start: int) -> Value | None:
    """`name: |` and the lines below it that are indented deeper than the first one's parent."""
    first: int | None = None
    begin = end = place = start
    while place < len(data):
        line = _BLOCK_LINE.match(data, place)
        if not line or line.end() == place:
            break
        indent = len(line["indent"])
        if line["text"].strip():
            if first is None:
                if not indent:
                    return None
                first, begin = indent, line.start("text")
            if indent < first:
                break
            end = line.end("text")
        place = line.end()
        if not line["end"]:
            break
    return Value(begin, end, True) if first is not None else None


def quoted_end(data: bytes, start: int, opened: bytes) -> int:
    """Where the value behind `opened` (backslashes, a quote) ends; the end of the text where nothing ends it."""
    if opened.endswith(b"'"):
        found = SINGLE.match(data, start)
        return found.end() if found else start
    level = len(opened) - 1
    for quote in _QUOTE.finditer(data, start):
        slashes = len(quote[1])
        if _closes(slashes, level):
            return max(start, quote.end() - 1 - min(level, slashes) if slashes % 2 else quote.end() - 1)
    return len(data)


def _closes(slashes: int, level: int) -> bool:
    """Whether a quote behind so many backslashes ends a string whose opening quote stood behind `level` of them."""
    while level > 0:
        if slashes % 2 == 0:
            return True
        slashes, level = (slashes - 1) // 2, (level - 1) // 2
    return slashes % 2 == 0
