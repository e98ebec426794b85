"""Several values below one secret name: `tokens: [a, b]`, the lines of a YAML list, Envoy's data sources.

Envoy's are `{"inline_string": …}` and `{"inline_bytes": …}`; session ticket keys are a list of them, a generic secret
may be a map.
"""

# ruff: noqa: E501  (patterns are read whole)

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.redact.names import harmless, looks_random, looks_secret
from bugbundle.redact.standin import Cut, Form
from bugbundle.redact.values import Value, line_end, line_value, quoted_end

_INLINE = (
    rb"\\*+\"(?P<field>inline_?[bB]ytes|inline_?[sS]tring|exact|value|string_?[vV]alue)\\*+\"\s{0,40}+:"
    rb"\s{0,400}+(?P<open>\\*+\")"
)
_OBJECT = re.compile(
    rb"(?P<close>\\*+\")\s{0,40}+:\s{0,400}+\{\s{0,400}+(?:\\*+\"keys\\*+\"\s{0,40}+:\s{0,400}+\[\s{0,400}+\{\s{0,400}+)?"
    + _INLINE
)
_ARRAY = re.compile(rb"\\*+\"\s{0,40}+:\s{0,400}+\[\s{0,400}+\{\s{0,400}+" + _INLINE)
_OBJECT_LINES = re.compile(
    rb":[ \t]{0,40}+(?:\r?\n|\\++n)[ ]{1,200}+(?P<field>inline_?[bB]ytes|inline_?[sS]tring):"
    rb"[ \t]{0,40}+(?P<open>\\*+[\"'])?"
)
_NEXT_KEY = re.compile(rb"\\*+\"\s{0,400}+\}\s{0,400}+,\s{0,400}+\{\s{0,400}+" + _INLINE)
_MAP = re.compile(
    rb"\\*+\"\s{0,40}+:\s{0,400}+\{\s{0,400}+\\*+\"secrets\\*+\"\s{0,40}+:\s{0,400}+\{\s{0,400}+"
    rb"\\*+\"[^\"\\]{0,253}+\\*+\"\s{0,40}+:\s{0,400}+\{\s{0,400}+" + _INLINE
)
_NEXT_OF_MAP = re.compile(
    rb"\\*+\"\s{0,400}+\}\s{0,400}+,\s{0,400}+\\*+\"[^\"\\]{0,253}+\\*+\"\s{0,40}+:\s{0,400}+\{\s{0,400}+" + _INLINE
)
_NO_MORE = re.compile(rb"(?!)")

_LIST = re.compile(
    rb"(?:\]\\*+\"\s{0,400}+,\s{0,400}+\\*+\"(?:values|not_?[vV]alues)\\*+\"|(?P<close>\\*+[\"'])?)[ \t]{0,40}+[:=]\s{0,400}+\["
)
_ITEM = re.compile(
    rb"\s{0,400}+(?:(?P<open>\\*+[\"'])|(?P<bare>[^\s\[\]{},\"'\\][^\[\]{},\"'\\\r\n]*+)"
    rb"|\{\s{0,400}+\\*+\"key\\*+\"\s{0,40}+:\s{0,400}+(?P<key>\\*+\"))"
)
_COMMA = re.compile(
    rb"(?:\\*+[\"'])?(?:\s{0,400}+,\s{0,400}+\\*+\"client\\*+\"[^{}\[\]]{0,400}+)?\s{0,400}+\}?\s{0,400}+,"
)
_LINES = re.compile(rb"[\"']?:[ \t]{0,40}+(?=(?:\r?\n|\\++n)[ ]{0,200}+- )")
_LINE = re.compile(rb"(?:\\*+[\"'])?[ \t]*+(?:\r?\n|\\++n)[ ]{0,200}+- (?P<open>\\*+[\"'])?")
_MAPPING = re.compile(rb"[\w.-]{1,100}+:(?:[ \t]|\Z)")

_LISTED = re.compile(
    rb"(?P<quote>\\*+[\"']),[ \t]{0,4}+b?(?P=quote)(?P<value>[^\"'\\\r\n]{4,8192}+)(?P=quote)[ \t]{0,4}+(?P<close>[\])}]?)"
)
_OPENS = re.compile(rb"(?:\A|[\r\n\t(\[]|[ ](?=['\\]))[ \t]{0,40}b?\\*[\"']\Z")


def sources(data: bytes, place: int, kind: str) -> Iterator[Cut]:
    """Envoy's data sources below the name of a `kind` of secret that ends at `place`; nothing where there are none."""
    following = _OBJECT.match(data, place) or _OBJECT_LINES.match(data, place)
    more = _NEXT_KEY if kind == "ticket-key" else _NO_MORE
    if not following:
        following, more = _ARRAY.match(data, place), _NEXT_KEY
    if not following:
        following, more = _MAP.match(data, place), _NEXT_OF_MAP
    while following:
        start = following.end()
        opened = following["open"]
        end = quoted_end(data, start, opened) if opened else line_end(data, start)
        inline_bytes = following["field"].lower().endswith(b"bytes")
        if following["field"] == b"exact" and kind == "cookie":
            return
        if end > start and not harmless(data[start:end]):
            yield Cut(start, end, kind, Form.ENVOY if inline_bytes else Form.TEXT)
        following = more.match(data, end)


def items(data: bytes, place: int, is_json: bool) -> Iterator[Value]:
    """The texts of the list behind a name that ends at `place`: JSON's, YAML's in brackets, YAML's on lines."""
    opened = _LIST.match(data, place)
    if opened:
        yield from _in_brackets(data, opened.end(), is_json and opened["close"] == b'"')
        return
    lines = _LINES.match(data, place)
    following = _LINE.match(data, lines.end()) if lines else None
    while following:
        value = line_value(data, following.end(), following["open"])
        if not value or value.end <= value.start or _MAPPING.match(data, value.start, value.end):
            return
        yield value
        following = _LINE.match(data, value.end)


def _in_brackets(data: bytes, place: int, is_json: bool) -> Iterator[Value]:
    while found := _ITEM.match(data, place):
        if found["bare"] is not None:
            end = found.start("bare") + len(found["bare"].rstrip())
            if not is_json:
                yield Value(found.start("bare"), end, False)
        else:
            end = quoted_end(data, found.end(), found["open"] or found["key"])
            yield Value(found.end(), end, False)
        comma = _COMMA.match(data, end)
        if not comma:
            return
        place = comma.end()


def pair(data: bytes, start: int, end: int) -> Value | None:
    """`'name', 'value'` on a line of its own or behind a bracket, as Envoy, Python and others print headers.

    Between double quotes it may be a list of names as well, so there only two items count, and no name is a value.
    """
    if data[start - 1 : start] not in (b"'", b'"'):
        return None
    found = _LISTED.match(data, end)
    if not found or not _OPENS.search(data, max(0, start - 44), start):
        return None
    value = found["value"]
    if found["quote"].endswith(b'"'):
        scheme, _, token = value.rpartition(b" ")
        if not found["close"] or not (looks_random(value) or (scheme and looks_secret(token))):
            return None
    return Value(*found.span("value"), True)
