"""YAML as sigs.k8s.io/yaml makes it from JSON: by go-yaml v2, keys in its natural order, lines folded at 80.

Sources: goyaml.v2 encode.go (which style a string wants), resolve.go (what a plain word would be read as),
emitterc.go (which style it may have, how it is folded), sorter.go (the order of keys).
"""

from __future__ import annotations

import functools
import re
from typing import Any

from bugbundle.views.gonumber import shortest

_WIDTH = 80
_SIMPLE_KEY = 128
_WORDS = frozenset(
    re.findall(
        r"\S+",
        "y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF ~ null Null NULL"
        " .nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF",
    )
)
_HINTED = frozenset("+-0123456789yYnNtTfFoO~.")
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]*|[1-9][0-9]*"
    r"|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
)
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_DAY = r"\d{4}-(0?[1-9]|1[0-2])-(0?[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d([.,]\d+)?"
_TIME = re.compile(rf"{_DAY}([Tt]{_CLOCK}(Z|[-+]\d\d:\d\d)| {_CLOCK})?")
_UNPRINTABLE = re.compile("[^\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]")
_BREAK = re.compile("[\r\n\x85\u2028\u2029]")
_START = re.compile(r"""[#,\[\]{}&*!|>'"%@`]|[?:-]([ \t\r\n]|$)|---|\.\.\.""")
_INSIDE = re.compile(r":([ \t\r\n\x85\u2028\u2029]|$)|[ \t\r\n\x85\u2028\u2029]#")
_SPACE_BREAK = re.compile(" [\r\n\x85\u2028\u2029]")
_BREAK_SPACE = re.compile("[\r\n\x85\u2028\u2029] ")
_NAMES = {
    0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "e", 34: '"', 92: "\\",
    0x85: "N", 0xA0: "_", 0x2028: "L", 0x2029: "P",
}  # fmt: skip


def to_yaml(value: Any) -> str:
    """The YAML document of a parsed JSON value, ended by a newline."""
    out: list[str] = []
    if isinstance(value, dict) and value:
        _mapping(value, 0, "", out)
    elif isinstance(value, list) and value:
        _sequence(value, 0, "", out)
    else:
        _scalar(value, 0, 0, out, first=True)
    return "".join(out)


def _mapping(value: dict[str, Any], indent: int, lead: str, out: list[str]) -> None:
    pad = " " * indent
    for key in _ordered(tuple(value)):
        item = value[key]
        simple = len(key.encode()) <= _SIMPLE_KEY and not _BREAK.search(key)
        if simple:
            word = _key(key)
            out.append(f"{lead}{word}:")
        else:
            out.append(f"{lead}?")
            _text(key, indent + 2, indent + 2, out)
            out.append(f"{pad}:")
        lead = pad
        if isinstance(item, dict) and item:
            out.append("\n" if simple else " ")
            _mapping(item, indent + 2, pad + "  " if simple else "", out)
        elif isinstance(item, list) and item:
            out.append("\n" if simple else " ")
            _sequence(item, indent if simple else indent + 2, pad if simple else "", out)
        else:
            _scalar(item, indent + 2, indent + (len(word) if simple else 0) + 2, out)


def _sequence(value: list[Any], indent: int, lead: str, out: list[str]) -> None:
    pad = " " * indent
    for item in value:
        out.append(f"{lead}-")
        lead = pad
        if isinstance(item, dict) and item:
            out.append(" ")
            _mapping(item, indent + 2, "", out)
        elif isinstance(item, list) and item:
            out.append(" ")
            _sequence(item, indent + 2, "", out)
        else:
            _scalar(item, indent + 2, indent + 2, out)


def _scalar(value: Any, indent: int, column: int, out: list[str], first: bool = False) -> None:
    """A value that needs no block: ` text\\n`. `indent` is that of its further lines."""
    if isinstance(value, str):
        _text(value, indent, column, out, first)
        return
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    elif isinstance(value, float):
        text = shortest(value)
    else:
        text = "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else str(value)
    out.append(f"{'' if first else ' '}{text}\n")


def _text(value: str, indent: int, column: int, out: list[str], first: bool = False) -> None:
    style = _style(value)
    gap = "" if first else " "
    if style == "|":
        out.append(gap + _literal(value, indent))
        return
    text = _quote(value, style)
    if column + len(text) > _WIDTH and " " in text:
        text = _fold(value, style, indent, column)
    out.append(f"{gap}{text}\n")


@functools.lru_cache(maxsize=65536)
def _key(value: str) -> str:
    style = _style(value)
    return _quote(value, "'" if style == "plain" and not value else '"' if style == "|" else style)


@functools.lru_cache(maxsize=65536)
def _style(value: str) -> str:
    """`plain`, `'`, `"` or `|`: the style that is wanted, or the next one that the text may have."""
    special = bool(_UNPRINTABLE.search(value))
    if "\n" in value:
        blocked = special or value[-1] == " " or _SPACE_BREAK.search(value)
        return '"' if blocked else "|"
    if _parse_selector_other(value):
        return '"'
    if special or _SPACE_BREAK.search(value):
        return '"'
    if _BREAK_SPACE.search(value):
        return '"'
    ends = value[0] == " " or value[-1] == " " or _BREAK.match(value[0]) or _BREAK.match(value[-1])
    if ends or _BREAK.search(value) or _START.match(value) or _INSIDE.search(value):
        return "'"
    return "plain"


def _parse_selector_other(value: str) -> bool:
    """Whether a plain word would be read as null, a boolean, a number or a time."""
    if not value or value in _WORDS:
        return True
    if value[0] not in _HINTED:
        return False
    plain = value.replace("_", "") if value[0] != "." else value
    if found := _NUMBER.fullmatch(plain):
        return not found[4] or abs(float(plain)) != float("inf")
    return bool(_TIME.fullmatch(value) or _BASE60.fullmatch(value))


def _quote(value: str, style: str) -> str:
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style == '"':
        return '"' + "".join(_escaped(value)) + '"'
    return value


def _escaped(value: str) -> list[str]:
    marked = value[:1] == "\ufeff"
    return [_escape(c) if marked or c in '"\\' or _UNPRINTABLE.match(c) or _BREAK.match(c) else c for c in value]


def _escape(char: str) -> str:
    code = ord(char)
    if code in _NAMES:
        return "\\" + _NAMES[code]
    if code <= 0xFF:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"


def _fold(value: str, style: str, indent: int, column: int) -> str:
    """The text broken at single blanks behind column 80, further lines indented."""
    out: list[str] = []
    pad = "\n" + " " * indent
    parts = _escaped(value) if style == '"' else [c + c if c == style == "'" else c for c in value]
    quoted = style != "plain"
    if quoted:
        out.append(style)
        column += 1
    spaces = False
    last = len(parts) - 1
    for i, part in enumerate(parts):
        if part != " ":
            out.append(part)
            column += len(part)
            spaces = False
            continue
        inside = not quoted or 0 < i < last
        double = i < last and parts[i + 1] == " "
        if column > _WIDTH and not spaces and inside and (style == '"' or not double):
            out.append(pad + "\\" if double else pad)
            column = indent + double
        else:
            out.append(" ")
            column += 1
        spaces = True
    if quoted:
        out.append(style)
    return "".join(out)


def _literal(value: str, indent: int) -> str:
    """A block: `|` with its hints, then the lines."""
    hint = "2" if value[0] in " \n\r\x85\u2028\u2029" else ""
    if not _BREAK.match(value[-1]):
        hint += "-"
    elif len(value) == 1 or _BREAK.match(value[-2]):
        hint += "+"
    pad = " " * indent
    lines = value.split("\n")
    if lines[-1] == "":
        lines.pop()
    return f"|{hint}\n" + "".join(f"{pad}{line}\n" if line else "\n" for line in lines)


@functools.lru_cache(maxsize=16384)
def _ordered(keys: tuple[str, ...]) -> list[str]:
    return sorted(keys, key=functools.cmp_to_key(_compare))


def _compare(a: str, b: str) -> int:
    """The order of keys: digits by their number, letters behind everything else."""
    for i, (x, y) in enumerate(zip(a, b, strict=False)):
        if x == y:
            continue
        letters = x.isalpha(), y.isalpha()
        if all(letters):
            return -1 if x < y else 1
        if any(letters):
            return 1 if letters[0] else -1
        return _by_number(a, b, i)
    return len(a) - len(b)


def _by_number(a: str, b: str, i: int) -> int:
    start = 1 if "0" in (a[i], b[i]) and re.search(r"[1-9]\d*$", a[:i]) else 0
    (x, x_end), (y, y_end) = _number(a, i, start), _number(b, i, start)
    if x != y:
        return -1 if x < y else 1
    if x_end != y_end:
        return x_end - y_end
    return -1 if a[i] < b[i] else 1


def _number(text: str, i: int, value: int) -> tuple[int, int]:
    while i < len(text) and text[i].isdecimal():
        value = value * 10 + int(text[i])
        i += 1
    return value, i
