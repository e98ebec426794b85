"""Secrets that are known by their name: `name: value` in JSON, YAML, properties, logs, query strings and command lines.

Works on text, JSON's own included, without parsing it: a word such as `token` is found, the name around it is read,
what follows the name says how the value is written. JSON inside a JSON string (annotations, ConfigMaps, log lines)
needs no second look: a quote is known by the backslashes before it.

What a value looks like after its name:

- `"name": "value"`, `name: value`, `name=value`, `?name=value&`;
- `"name": "<name>", "value": "…"` and `- name: <name>` / `value: …` (environment variables, header matches);
- `"name": {"inline_string": "…"}` and its kin in Envoy's configuration;
- `"--name", "value"` and `--name value` (arguments), `add("name", "value")` (Lua).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.redact.names import harmless, looks_secret, refers, secret_kind
from bugbundle.redact.standin import Cut, Form, decoded, holds_standin

WORDS = (
    b"pass", b"pwd", b"secret", b"token", b"key", b"credential", b"connectionstring", b"connection_string",
    b"connection-string", b"dsn", b"authorization", b"auth", b"cookie", b"sig",
)  # fmt: skip
"""Lower-case words of which every secret name holds one."""

_NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/"
_REACH = 96
_NAME_END = re.compile(rb"[A-Za-z0-9_.\-/]{0,96}+")
_NO_VALUE = re.compile(
    rb"\\*+\"\s{0,40}+:\s{0,400}+(?:\{\s{0,400}+(?:\}|\\*+\"(?!inline|exact|value|string|keys))|\[|[0-9tfn])"
)
_ASSIGN = re.compile(
    rb"(?P<close>\\*+[\"'])?(?P<gap>[ \t]{0,40}+)(?P<op>=>|:=|[=:])(?![=:])(?P<space>\s{0,400}+)(?P<open>\\*+[\"'])?"
)
_PAIR = re.compile(
    rb"(?P<close>\\*+[\"'])\s{0,400}+,\s{0,400}+\\*+[\"'](?:value|exact_?[mM]atch|string_?[mM]atch|string_?[vV]alue)\\*+[\"']\s{0,40}+:"
    rb"\s{0,400}+(?:\{\s{0,400}+\\*+\"exact\\*+\"\s{0,40}+:\s{0,400}+)?(?P<open>\\*+[\"'])"
)
_PAIR_LINES = re.compile(rb"(?:\\*+[\"'])?[ \t]{0,40}+(?:\r?\n|\\++n)[ ]{0,200}+value:[ \t]{0,40}+(?P<open>\\*+[\"'])?")
_INLINE = (
    rb"\\*+\"(?P<field>inline_?[bB]ytes|inline_?[sS]tring|exact|value|string_?[vV]alue)\\*+\"\s{0,40}+:"
    rb"\s{0,400}+(?P<open>\\*+\")"
)
_OBJECT = re.compile(
    rb"(?P<close>\\*+\")\s{0,40}+:\s{0,400}+\{\s{0,400}+(?:\\*+\"keys\\*+\"\s{0,40}+:\s{0,400}+\[\s{0,400}+\{\s{0,400}+)?"
    + _INLINE
)
_NEXT_OBJECT = re.compile(rb"\\*+\"\s{0,400}+\}\s{0,400}+,\s{0,400}+\{\s{0,400}+" + _INLINE)
_OBJECT_LINES = re.compile(
    rb":[ \t]{0,40}+(?:\r?\n|\\++n)[ ]{1,200}+(?P<field>inline_?[bB]ytes|inline_?[sS]tring):"
    rb"[ \t]{0,40}+(?P<open>\\*+[\"'])?"
)
_ARGUMENT = re.compile(rb"(?P<close>\\*+[\"'])\s{0,400}+,\s{0,400}+(?P<open>\\*+[\"'])(?!-)")
_ARGUMENT_LINES = re.compile(rb"[\"']?(?:\r?\n|\\++n)[ ]{0,200}+- (?P<open>\\*+[\"'])?(?!-)")
_ARGUMENT_WORD = re.compile(rb"[ \t]{1,8}+(?P<open>\\*+[\"'])?(?!-)")
_QUOTE = re.compile(rb"(\\*+)\"")
_SINGLE = re.compile(rb"(?:[^'\"\\\r\n]|\\++(?![nr\"']).)*+", re.DOTALL)
_WORD_VALUE = re.compile(
    rb"(?:[^\s\"'\\;,)\]}<>]|[,)\]}](?=[^\s\"'\\;,)\]}])(?![\w.-]{1,40}+[=:\"])|\\++(?![nrt\"'\\]|u0026|u003[ce]).)*+",
    re.DOTALL,
)
_QUERY_VALUE = re.compile(rb"[^\s\"'\\&#<>,;]*+")
_LINE_VALUE = re.compile(rb"(?:[^\"\\\r\n]|\\++(?![nr\"\\]).)*+", re.DOTALL)
_MORE_NAMES = re.compile(rb"\s[\w.-]{1,40}+=")
_COMMENT = re.compile(rb"[ \t]+(?:#.*)?\Z", re.DOTALL)
_BLOCK = re.compile(rb"[|>][+-]?[0-9]?[+-]?[ \t]*+(?:\r?\n|\\++n)")
_BLOCK_LINE = re.compile(
    rb"(?P<indent>[ ]{0,400}+)(?P<text>(?:[^\"\\\r\n]|\\++(?![nr]).)*+)(?P<end>\r?\n|\\++n)?", re.DOTALL
)
_BEFORE = re.compile(rb"(?:\A|\r?\n|(?P<escaped>\\++)n|(?P<quote>[\"']))[ \t]*+(?:- )?-{0,2}\Z")


class Name(NamedTuple):
    """A name as it stands in the text: its place, itself, the kind of secret that it names."""

    start: int
    end: int
    name: bytes
    kind: str


class Value(NamedTuple):
    """A value's place, and whether its surroundings alone (quotes, a line of its own) make it that name's value."""

    start: int
    end: int
    certain: bool


def names(data: bytes, folded: bytes, word: bytes) -> Iterator[Name]:
    """Every secret name in `data` that holds `word`; `folded` is `data` in lower case if `word` is, else `data`."""
    place = folded.find(word)
    while place >= 0:
        start = place - _REACH if place > _REACH else 0
        start += len(data[start:place].rstrip(_NAME))
        end_match = _NAME_END.match(data, place)
        end = end_match.end() if end_match else place
        if place - start < _REACH and end - place < _REACH:
            start = _past_escape(data, start, place)
            name = data[start:end].lstrip(b"-./")
            kind = secret_kind(name)
            if kind and not _NO_VALUE.match(data, end):
                yield Name(end - len(name), end, name, kind)
        place = folded.find(word, max(end, place + len(word)))


def _past_escape(data: bytes, start: int, place: int) -> int:
    """`\\nTOKEN` inside a JSON string is TOKEN: past the letter (or `u0026`) of an escape."""
    if start == 0 or data[start - 1] != 0x5C or start == place:
        return start
    if data[start : start + 1] == b"u" and start + 5 <= place:
        return start + 5
    return start + 1 if data[start : start + 1] in (b"n", b"r", b"t") else start


def cuts(data: bytes, folded: bytes, word: bytes, is_json: bool) -> Iterator[Cut]:
    """The values in `data` that a name with `word` in it declares secret."""
    done = 0
    for name in names(data, folded, word):
        if name.start < done or holds_standin(data, name.start, name.end):
            continue
        for cut in _values(data, name, is_json):
            done = max(done, cut.end)
            yield cut


def _values(data: bytes, name: Name, is_json: bool) -> Iterator[Cut]:
    if found := _OBJECT.match(data, name.end) or _OBJECT_LINES.match(data, name.end):
        yield from _objects(data, name, found)
        return
    value = _pair(data, name) or _argument(data, name, is_json) or _assigned(data, name, is_json)
    if value and value.end > value.start and _is_secret(name, data[value.start : value.end], value.certain):
        yield Cut(value.start, value.end, name.kind)


def _is_secret(name: Name, value: bytes, certain: bool) -> bool:
    if harmless(value) or refers(name.name, value):
        return False
    if name.kind == "auth":
        plain = decoded(value)
        return b":" in plain and plain != value
    return certain or looks_secret(value)


def _objects(data: bytes, name: Name, found: re.Match[bytes]) -> Iterator[Cut]:
    """Envoy's data sources; `keys` of session tickets may be several."""
    following: re.Match[bytes] | None = found
    while following:
        start = following.end()
        opened = following["open"]
        end = _quoted_end(data, start, opened) if opened else _line_end(data, start)
        inline_bytes = following["field"].lower().endswith(b"bytes")
        if following["field"] == b"exact" and name.kind == "cookie":
            return
        if end > start and not harmless(data[start:end]):
            yield Cut(start, end, name.kind, Form.ENVOY if inline_bytes else Form.TEXT)
        following = _NEXT_OBJECT.match(data, end) if name.kind == "ticket-key" else None


def _pair(data: bytes, name: Name) -> Value | None:
    found = _PAIR.match(data, name.end)
    if found:
        return Value(found.end(), _quoted_end(data, found.end(), found["open"]), True)
    found = _PAIR_LINES.match(data, name.end)
    if found and data[max(0, name.start - 8) : name.start].rstrip(b"\"'\\ ").endswith(b"name:"):
        return _line_value(data, found.end(), found["open"], name)
    return None


def _argument(data: bytes, name: Name, is_json: bool) -> Value | None:
    dashed = data[name.start - 1 : name.start] == b"-"
    opened_by = data[max(0, name.start - 3) : name.start].endswith((b'("', b'(\\"', b"('"))
    if not dashed and not opened_by:
        return None
    found = _ARGUMENT.match(data, name.end)
    if found:
        return Value(found.end(), _quoted_end(data, found.end(), found["open"]), True)
    if not dashed:
        return None
    found = _ARGUMENT_LINES.match(data, name.end)
    if found:
        return _line_value(data, found.end(), found["open"], name)
    found = _ARGUMENT_WORD.match(data, name.end)
    if found and not (is_json and found["open"] == b'"'):
        return _unquoted(data, found.end(), found["open"], _WORD_VALUE, False)
    return None


def _assigned(data: bytes, name: Name, is_json: bool) -> Value | None:
    found = _ASSIGN.match(data, name.end)
    if not found:
        return None
    closed, opened, start = found["close"], found["open"], found.end()
    if closed:
        return _quoted_name(data, name, found, is_json)
    if b"\n" in found["space"] or (found["op"] == b":" and data[start : start + 2] == b"//"):
        return None
    if opened and is_json and opened == b'"':
        return None  # the string that holds the name ends here
    if opened:
        if data[start : start + 1] in (b",", b"}", b"]", b":"):
            return None
        return Value(start, _quoted_end(data, start, opened), found["op"] != b":" or not found["gap"])
    if name.kind == "signature" and data[name.start - 1 : name.start] not in (b"?", b"&", b"6"):
        return None
    before = _BEFORE.search(data, max(0, name.start - 60), name.start)
    if before and name.kind != "signature":
        return _after_start(data, start, name, before, found["op"])
    if data[name.start - 1 : name.start] in (b"?", b"&") or data[name.start - 6 : name.start] == b"\\u0026":
        return _unquoted(data, start, None, _QUERY_VALUE, True)
    return _unquoted(data, start, None, _WORD_VALUE, found["op"] == b"=" and not found["space"])


def _quoted_name(data: bytes, name: Name, found: re.Match[bytes], is_json: bool) -> Value | None:
    """`"name": …`: a quoted value, or (YAML) a plain one; JSON's numbers, objects and words stay."""
    opened, start = found["open"], found.end()
    if opened:
        return Value(start, _quoted_end(data, start, opened), True)
    if is_json or data[start : start + 1] in b"{[-0123456789" or found["op"] != b":":
        return None
    return _line_value(data, start, None, name)


def _unquoted(data: bytes, start: int, opened: bytes | None, pattern: re.Pattern[bytes], certain: bool) -> Value | None:
    if opened:
        return Value(start, _quoted_end(data, start, opened), certain)
    found = pattern.match(data, start)
    return Value(start, found.end(), certain) if found else None


def _line_value(data: bytes, start: int, opened: bytes | None, name: Name) -> Value | None:
    """A value that has the rest of its line to itself, or the lines of a YAML block below it."""
    if opened:
        return Value(start, _quoted_end(data, start, opened), True)
    block = _BLOCK.match(data, start)
    if block:
        return _block_value(data, block.end(), name)
    end = _line_end(data, start)
    text = data[start:end]
    if _MORE_NAMES.search(text) or text[:1] in (b"{", b"["):
        return _unquoted(data, start, None, _WORD_VALUE, True)
    comment = _COMMENT.search(text) if b" " in text or b"\t" in text else None
    return Value(start, start + comment.start() if comment else end, True)


def _after_start(data: bytes, start: int, name: Name, before: re.Match[bytes], operator: bytes) -> Value | None:
    """The value of a name that begins its line or its string."""
    if before["quote"] == b"'":
        return _unquoted(data, start, None, _SINGLE, operator == b"=")
    if before["quote"] and not _BLOCK.match(data, start):
        end = _line_end(data, start)
        return Value(start, end, operator == b"=" or b" " not in data[start:end])
    return _line_value(data, start, None, name)


def _line_end(data: bytes, start: int) -> int:
    found = _LINE_VALUE.match(data, start)
    return found.end() if found else start


def _block_value(data: bytes, start: int, name: Name) -> Value | None:
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


def _quoted_end(data: bytes, start: int, opened: bytes) -> int:
    """Where the value behind `opened` (backslashes, a quote) ends; the end of the text where nothing ends it."""
    if opened.endswith(b"'"):
        found = _SINGLE.match(data, start)
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
