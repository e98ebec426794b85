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

# ruff: noqa: E501  (patterns and lists of words are read whole)

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bugbundle.redact import lists
from bugbundle.redact.names import harmless, is_odd_word, is_plural, looks_random, looks_secret, refers, secret_kind
from bugbundle.redact.standin import Cut, decoded, holds_standin
from bugbundle.redact.values import (  # fmt: skip
    BLOCK,
    QUERY_VALUE,
    WORD_VALUE,
    Value,
    after_start,
    block_value,
    line_value,
    quoted_end,
    unquoted,
)

WORDS = (
    b"pass", b"pwd", b"secret", b"token", b"key", b"credential", b"connectionstring", b"connection_string",
    b"connection-string", b"dsn", b"authorization", b"auth", b"cookie", b"sig", b"sess", b"assertion", b"verifier",
    b"psk", b"_pw", b"bindpw", b"rootpw", b"adminpw", b"encrypt",
)  # fmt: skip
"""Lower-case words of which every secret name holds one."""

_NAME = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/"
_REACH = 96
_NAME_END = re.compile(rb"[A-Za-z0-9_.\-/]{0,96}+")
_NO_VALUE = re.compile(
    rb"\\*+\"\s{0,40}+:\s{0,400}+(?:\{\s{0,400}+(?:\}|\\*+\"(?!inline|exact|value|string|keys|secrets))"
    rb"|\[\s{0,400}+(?:\]|\{\s{0,400}+\\*+\"(?!key|inline)|[0-9\[])|[0-9]{1,3}+(?![\w.])|(?:true|false|null)\b)"
)
_ASSIGN = re.compile(
    rb"(?P<close>\\*+[\"'])?\]?(?P<gap>[ \t]{0,40}+)(?P<op>=>|:=|->|[=:])(?![=:])(?P<space>\s{0,400}+)(?P<open>'''|b'(?!')|\"\"\"|\\*+[\"'])?"
)
_PAIR = re.compile(
    rb"(?P<close>\\*+[\"'])\s{0,400}+,\s{0,400}+\\*+[\"'](?:[vV]alue|exact_?[mM]atch|string_?[mM]atch|string_?[vV]alue)\\*+[\"']\s{0,40}+:"
    rb"\s{0,400}+(?:\{\s{0,400}+\\*+\"exact\\*+\"\s{0,40}+:\s{0,400}+)?(?P<open>\\*+[\"'])"
)
_PAIR_LINES = re.compile(rb"(?:\\*+[\"'])?[ \t]{0,40}+(?:\r?\n|\\++n)[ ]{0,200}+value:[ \t]{0,40}+(?P<open>\\*+[\"'])?")
_BEFORE_PAIR = re.compile(
    rb"(?P<end>\\*+[\"'])\s{0,400}+,\s{0,400}+\\*+[\"'](?:[nN]ame|[kK]ey)\\*+[\"']\s{0,40}+:\s{0,400}+\\*+[\"']\Z"
)
_VALUE_KEY = re.compile(rb"value\\*+[\"']\s{0,40}+:\s{0,400}+(?P<open>\\*+[\"'])")
_BEFORE_LINES = re.compile(
    rb"value:[ \t]{0,40}+(?:\\*+[\"'])?(?P<value>[^\s\"'\\][^\r\n\"'\\]{0,400}+)(?:\\*+[\"'])?"
    rb"(?:\r?\n|\\++n)[ ]{0,200}+name:[ \t]{0,40}+(?:\\*+[\"'])?\Z"
)
_ATTRIBUTE = re.compile(rb"\\*+[\"']\s{1,40}+value\s{0,10}+=\s{0,10}+(?P<open>\\*+[\"'])")
_ELEMENT = re.compile(
    rb"(?:>|\\++u003[eE])(?P<value>(?:[^<>\\\"\r\n]|\\++(?!u003[cC]|[nr\"]).)*+)(?=<|\\++u003[cC])", re.DOTALL
)
_NUMBER = re.compile(rb"-?[0-9][0-9.eE+-]{3,60}+(?!\w)")
_ARGUMENT = re.compile(rb"(?P<close>\\*+[\"'])\s{0,400}+,\s{0,400}+(?P<open>\\*+[\"'])(?!-)")
_ARGUMENT_LINES = re.compile(rb"[\"']?(?:\r?\n|\\++n)[ ]{0,200}+- (?P<open>\\*+[\"'])?(?!-)")
_ARGUMENT_WORD = re.compile(rb"[ \t]{1,8}+(?P<open>\\*+[\"'])?(?!-)")
_BEFORE = re.compile(
    rb"(?:(?:\A|\r?\n|(?P<escaped>\\++)n|\t|(?<=[\w)]\]) )[ \t]*+(?:[-<>|] )?"
    rb"|(?P<shell>-c\\*+[\"']\s{0,400}+,\s{0,400}+\\*+[\"'])|(?P<quote>[\"']))-{0,2}\Z"
)
TRIPLE = (b"'''", b'"""')
"""What opens and closes a text of several lines in TOML and Python."""
_FLOW = re.compile(rb"(?P<value>[^\s\"'\\,{}\[\]]{3,512}+)\s{0,4}+(?:\}|,\s{0,4}+[\w.-]{1,64}+:(?=[ \t]))")
_CODE = re.compile(rb"[A-Za-z_]\w{0,60}+[.:]\w{1,60}+\(")


class Name(NamedTuple):
    """A name as it stands in the text: its place, itself, the kind of secret that it names."""

    start: int
    end: int
    name: bytes
    kind: str


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
    done = listed = 0
    for name in names(data, folded, word):
        if name.start < done or holds_standin(data, name.start, name.end):
            continue
        found = list(lists.sources(data, name.end, name.kind))
        value = None if found else _value(data, name, is_json)
        if value and value.end > value.start:
            found = _cuts(data, name, (value,))
        elif not found and name.start >= listed:
            items = list(lists.items(data, name.end, is_json))
            listed = items[-1].end if items else listed
            found = _cuts(data, name, items)
        for cut in found:
            done = max(done, cut.end)
            yield cut


def _value(data: bytes, name: Name, is_json: bool) -> Value | None:
    return _pair(data, name) or _argument(data, name, is_json) or _element(data, name) or _assigned(data, name, is_json)


def _cuts(data: bytes, name: Name, values: Iterable[Value]) -> list[Cut]:
    return [
        Cut(value.start, value.end, name.kind.removeprefix("any-"), quote=value.quote)
        for value in values
        if _is_secret(name, data[value.start : value.end], value.certain)
    ]


def _is_secret(name: Name, value: bytes, certain: bool) -> bool:
    if harmless(value) or refers(name.name, value):
        return False
    if name.kind == "auth":
        plain = decoded(value)
        variable = certain and name.name.isupper() and b"_" in name.name
        made = len(value) >= 16 and looks_random(value)
        return (b":" in plain and plain != value) or made or (variable and looks_secret(value))
    if name.kind == "any-key":
        return looks_random(value) and len(value) >= 12
    if name.name == b"pass":
        return looks_secret(value)
    if name.kind == "password":
        return certain or is_plural(name.name) or looks_secret(value) or is_odd_word(value)
    if is_plural(name.name):
        return looks_secret(value) or is_odd_word(value)
    compound = name.kind in ("key", "credential") and len(name.name) > 6
    return certain or looks_secret(value) or (compound and is_odd_word(value))


def _pair(data: bytes, name: Name) -> Value | None:
    found = _PAIR.match(data, name.end) or _ATTRIBUTE.match(data, name.end)
    if found:
        return Value(found.end(), quoted_end(data, found.end(), found["open"]), True)
    on_line = data[max(0, name.start - 8) : name.start].rstrip(b"\"'\\ ").endswith(b"name:")
    found = _PAIR_LINES.match(data, name.end) if on_line else None
    if found:
        return line_value(data, found.end(), found["open"])
    return _pair_before(data, name, on_line)


def _pair_before(data: bytes, name: Name, on_line: bool) -> Value | None:
    """`"value": "…", "name": "<name>"`, and the same on two lines of YAML."""
    if data[name.start - 1 : name.start] in (b'"', b"'"):
        key = _BEFORE_PAIR.search(data, max(0, name.start - 200), name.start)
        if key:
            value = _last(data, _VALUE_KEY, max(0, key.start() - 8192), key.start())
            if value and quoted_end(data, value.end(), value["open"]) == key.start("end"):
                return Value(value.end(), key.start("end"), True)
    found = _last(data, _BEFORE_LINES, max(0, name.start - 700), name.start) if on_line else None
    return Value(*found.span("value"), True) if found else None


def _last(data: bytes, pattern: re.Pattern[bytes], start: int, end: int) -> re.Match[bytes] | None:
    """The last `value` in a range, if `pattern` fits there."""
    place = data.rfind(b"value", start, end)
    return pattern.match(data, place, end) if place >= 0 else None


def _element(data: bytes, name: Name) -> Value | None:
    """`<name>…</name>` of XML, which JSON may spell with `\\u003c`."""
    if data[name.start - 1 : name.start] != b"<" and data[max(0, name.start - 6) : name.start].lower() != b"\\u003c":
        return None
    found = _ELEMENT.match(data, name.end)
    return Value(*found.span("value"), True) if found else None


def _argument(data: bytes, name: Name, is_json: bool) -> Value | None:
    pair = lists.pair(data, name.start, name.end)
    if pair:
        return pair
    dashed = data[name.start - 1 : name.start] == b"-"
    opened_by = data[max(0, name.start - 3) : name.start].endswith((b'("', b'(\\"', b"('"))
    if not dashed and not opened_by:
        return None
    found = _ARGUMENT.match(data, name.end)
    if found:
        return Value(found.end(), quoted_end(data, found.end(), found["open"]), True)
    if not dashed:
        return None
    found = _ARGUMENT_LINES.match(data, name.end)
    if found:
        return line_value(data, found.end(), found["open"])
    found = _ARGUMENT_WORD.match(data, name.end)
    if found and not (is_json and found["open"] == b'"'):
        return unquoted(data, found.end(), found["open"], WORD_VALUE, bool(found["open"]))
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
    if opened in TRIPLE:
        end = data.find(opened, start)
        return Value(start, end, True) if end >= 0 else None
    if data[start : start + 1] == b"[" and not opened:
        return None
    if opened:
        if data[start : start + 1] in (b",", b"}", b"]", b":"):
            return None
        return Value(start, quoted_end(data, start, opened), found["op"] != b":" or not found["gap"])
    if name.kind == "signature" and data[name.start - 1 : name.start] not in (b"?", b"&", b"6"):
        return None
    if found["gap"] and found["space"] and _CODE.match(data, start):
        return None  # what a program works out, not what it holds
    block = BLOCK.match(data, start) if found["op"] == b":" else None
    if block:
        return block_value(data, block.end())
    flow = _FLOW.match(data, start)
    if flow and data[name.start - 1 : name.start] in (b"{", b" ", b",") and found["op"] == b":":
        return Value(*flow.span("value"), True)
    before = _BEFORE.search(data, max(0, name.start - 60), name.start)
    if before and name.kind != "signature" and not (b"/" in name.name and found["op"] == b":"):
        return after_start(data, start, before, found["op"])
    if data[name.start - 1 : name.start] in (b"?", b"&") or data[name.start - 6 : name.start] == b"\\u0026":
        return unquoted(data, start, None, QUERY_VALUE, True)
    return unquoted(data, start, None, WORD_VALUE, found["op"] == b"=" and not found["space"])


def _quoted_name(data: bytes, name: Name, found: re.Match[bytes], is_json: bool) -> Value | None:
    """`"name": …`: a quoted value, a number (its stand-in is quoted like the name), or (YAML) a plain one."""
    opened, start = found["open"], found.end()
    if opened == b'"' and len(found["close"]) > 1:
        return None  # the string that holds the name ends here
    if opened:
        return Value(start, quoted_end(data, start, opened), True)
    if data[start : start + 1] in (b"{", b"[", b"") or found["op"] != b":":
        return None
    number = _NUMBER.match(data, start)
    if number:
        counts = name.kind == "password" or len(number[0]) >= 8
        return Value(start, number.end(), True, found["close"]) if counts and not is_plural(name.name) else None
    if is_json:
        return unquoted(data, start, None, WORD_VALUE, False)
    return line_value(data, start, None)
