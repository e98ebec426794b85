"""Kubernetes Secrets, as JSON or YAML, alone, in lists, in istiod's krt dump (there without a `kind`), and as JSON in
an annotation: every value under `data` and `stringData` goes, but for public certificates, which tell expiry and trust.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.redact import helm
from bugbundle.redact.escapes import unescape
from bugbundle.redact.standin import Cut, Form, decoded, is_standin

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\],:]', re.DOTALL)
_KIND = re.compile(rb"kind(?<![\w./-]kind)[\"']?:[ \t]*+[\"']?Secret[\"']?(?=[ \t]*+(?:\r?\n|\Z|#))")
_KIND_LINE = re.compile(rb"[\"']?kind[\"']?:[ \t]*+[\"']?Secret[\"']?[ \t]*+(?:#.*)?")
MARKS = (b'"data"', b'"stringData"', b'\\"data\\', b'\\"stringData\\', b"kind: Secret")
_CERTIFICATES = re.compile(
    rb"\s*(?:(?:-----BEGIN (?P<what>(?:TRUSTED )?CERTIFICATE|X509 CRL|PUBLIC KEY|PKCS7)-----"
    rb"[A-Za-z0-9+/=\s]*+-----END (?P=what)-----"
    rb"|#[^\r\n]*+)\s*)*+"
)
_DEEPEST = 4
_MOST_FRAMES = 200


def is_public(value: bytes) -> bool:
    """Whether a Secret's value (decoded) is nothing but PEM certificates, public keys and revocation lists."""
    return bool(_CERTIFICATES.fullmatch(value))


def may_hold(data: bytes) -> bool:
    """Whether `data` could hold a Secret at all: cheap, errs towards yes."""
    return any(mark in data for mark in MARKS) or (b"Secret" in data and bool(_KIND.search(data)))


def cuts(data: bytes, *, listed: bool, is_json: bool) -> Iterator[Cut]:
    """The secret values. `listed`: the entry is a list of Secrets, whose items need not say that they are."""
    if is_json:
        if listed or may_hold(data):
            yield from _in_json(data, listed, 0)
    elif b"Secret" in data:
        yield from _in_yaml(data)
        if b'"Secret"' in data:
            yield from _in_json(data, False, 0)


class _String(NamedTuple):
    start: int
    end: int
    form: Form


class _Frame:
    """An object or array that the walk is inside of."""

    __slots__ = ("in_data", "is_object", "key", "kind", "metadata", "on_key", "typed", "values")

    def __init__(self, is_object: bool, in_data: Form | None) -> None:
        self.is_object = is_object
        self.on_key = is_object
        self.key = b""
        self.in_data = in_data
        self.values: list[_String] = []
        self.kind: bytes | None = None
        self.typed = False
        self.metadata = False

    def is_secret(self, listed: bool) -> bool:
        """Whether the object is a Secret: says so, is listed as one, or (krt) has metadata and a type but no kind."""
        if self.kind is not None:
            return self.kind in (b"Secret", b"SecretList") or (listed and self.kind == b"")
        return listed or (self.typed and self.metadata)


def _in_json(data: bytes, listed: bool, depth: int) -> Iterator[Cut]:
    stack = [_Frame(False, None)]
    below = 0  # levels beneath the deepest frame that is kept: nobody nests a Secret there but to do harm
    for token in _TOKEN.finditer(data):
        start = token.start()
        mark = data[start]
        top = stack[-1]
        if mark == 0x22:
            if top.on_key:
                top.key = data[start + 1 : token.end() - 1]
                continue
            yield from _string(data, token, stack, depth)
        elif mark == 0x2C:
            top.on_key = top.is_object
        elif mark == 0x3A:
            top.on_key = False
        elif mark in b"{[":
            if len(stack) > _MOST_FRAMES:
                below += 1
                continue
            stack.append(_Frame(mark == 0x7B, _opens_data(stack)))
            if top.key == b"metadata" and mark == 0x7B:
                top.metadata = True
        elif below:
            below -= 1
        elif len(stack) > 1:
            stack.pop()
            yield from _leave(data, top, stack[-1], listed)
    while len(stack) > 1:  # cut off: what is still open counts as it stands
        frame = stack.pop()
        yield from _leave(data, frame, stack[-1], listed)


def _opens_data(stack: list[_Frame]) -> Form | None:
    top = stack[-1]
    if top.in_data:
        return top.in_data
    if top.is_object and top.key == b"data":
        return Form.BASE64
    return Form.TEXT if top.is_object and top.key == b"stringData" else None


def _string(data: bytes, token: re.Match[bytes], stack: list[_Frame], depth: int) -> Iterator[Cut]:
    top = stack[-1]
    closed = token.end() - token.start() > 1 and data[token.end() - 1] == 0x22
    start, end = token.start() + 1, token.end() - (1 if closed else 0)
    if top.in_data:
        top.values.append(_String(start, end, top.in_data))
    elif top.key == b"kind" and top.is_object:
        top.kind = data[start:end]
    elif top.key == b"type" and top.is_object:
        top.typed = True
    if end - start > 20 and depth < _DEEPEST:
        yield from _nested(data, start, end, depth)


def _nested(data: bytes, start: int, end: int, depth: int) -> Iterator[Cut]:
    """A Secret inside a string: JSON (last-applied-configuration) or YAML (a manifest in a ConfigMap)."""
    if data.find(b"Secret", start, end) < 0:
        return
    text, places = unescape(data[start:end])
    found = _in_json(text, False, depth + 1) if text.lstrip()[:1] in (b"{", b"[") else _in_yaml(text)
    for cut in found:
        yield cut._replace(start=start + places(cut.start), end=start + places(cut.end))


def _leave(data: bytes, frame: _Frame, parent: _Frame, listed: bool) -> Iterator[Cut]:
    if frame.in_data:
        parent.values += frame.values
    elif frame.values and frame.is_secret(listed):
        for value in frame.values:
            yield from _value(data, value)


def _value(data: bytes, value: _String) -> Iterator[Cut]:
    raw = data[value.start : value.end]
    if raw.strip() and not is_standin(raw):
        release = helm.without_secrets(raw) if value.form is Form.BASE64 else None
        if release is not None:
            if release != raw:
                yield Cut(value.start, value.end, "helm-release", value.form, instead=release)
            return
        plain = decoded(raw) if value.form is Form.BASE64 else unescape(raw)[0]
        if not is_public(plain):
            yield Cut(value.start, value.end, "secret-data", value.form)


_LINE = re.compile(rb"(?P<indent>[ ]*+)(?P<dash>(?:- +)*+)(?P<text>[^\r\n]*+)(?:\r?\n|\Z)")
_DATA_LINE = re.compile(rb"[\"']?(?:data|stringData)[\"']?:")
_MAPPING = re.compile(rb"(?P<key>[\"']?[\w./-]{1,253}[\"']?):(?:[ \t]+(?P<value>.*))?", re.DOTALL)


class _Line(NamedTuple):
    column: int
    start: int
    text: bytes
    item: bool


def _in_yaml(data: bytes) -> Iterator[Cut]:
    """Secrets in YAML by indentation: the `data` that stands beside `kind: Secret`."""
    if not _KIND.search(data):
        return
    lines = [_line(found) for found in _LINE.finditer(data) if found["text"].strip()]
    mappings = _mappings(lines)
    secret = {mapping for mapping, line in zip(mappings, lines, strict=True) if _KIND_LINE.fullmatch(line.text)}
    for place, line in enumerate(lines):
        if mappings[place] in secret and _DATA_LINE.match(line.text):
            yield from _yaml_values(data, lines, place)


def _mappings(lines: list[_Line]) -> list[int]:
    """For each line the number of the mapping that its key belongs to."""
    numbers: list[int] = []
    open_columns: list[tuple[int, int]] = []
    for number, line in enumerate(lines):
        if line.text == b"---":
            open_columns.clear()
        while open_columns and open_columns[-1][0] > line.column:
            open_columns.pop()
        if line.item and open_columns and open_columns[-1][0] == line.column:
            open_columns.pop()
        if not open_columns or open_columns[-1][0] < line.column:
            open_columns.append((line.column, number))
        numbers.append(open_columns[-1][1])
    return numbers


def _line(found: re.Match[bytes]) -> _Line:
    column = len(found["indent"]) + len(found["dash"])
    return _Line(column, found.start("text"), found["text"], bool(found["dash"]))


def _yaml_values(data: bytes, lines: list[_Line], place: int) -> Iterator[Cut]:
    form = Form.TEXT if b"stringData" in lines[place].text[:12] else Form.BASE64
    column = lines[place].column
    last = place + 1
    while last < len(lines) and lines[last].column > column:
        last += 1
    index = place + 1
    while index < last:
        line = lines[index]
        following = index + 1
        while following < last and lines[following].column > line.column:
            following += 1
        mapping = _MAPPING.fullmatch(line.text)
        value = (mapping["value"] or b"").rstrip() if mapping else b""
        if mapping and following == index + 1:
            start = line.start + mapping.start("value")
            yield from _yaml_value(data, start, start + len(value), form)
        elif following > index + 1:
            final = lines[following - 1]
            yield from _yaml_value(data, lines[index + 1].start, final.start + len(final.text), form)
        index = following


def _yaml_value(data: bytes, start: int, end: int, form: Form) -> Iterator[Cut]:
    if data[start : start + 1] in (b'"', b"'") and end - start > 1:
        start, end = start + 1, end - 1
    raw = data[start:end]
    if not raw.strip() or raw in (b"{}", b"null") or is_standin(raw):
        return
    if not is_public(decoded(raw) if form is Form.BASE64 else raw):
        yield Cut(start, end, "secret-data", form)
