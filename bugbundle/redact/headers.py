"""Header credentials as programs print them: `name: value`, Go's map. The whole value goes: any scheme, all parameters,
every cookie of the line. (Lists of pairs are `named`'s.)

Patterns are for text in lower case and begin with a literal.
"""

# ruff: noqa: E501  (patterns and lists of words are read whole)

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.redact.names import harmless, looks_secret, secret_kind
from bugbundle.redact.standin import Cut

_SAYS = rb"(?:\\*+[\"'])?\]?[ \t]{0,8}+(?:[:=,]|=>|->)[ \t]{0,8}+\[?(?:b?\\*+[\"'])?"
_AUTHORIZATION = re.compile(rb"authorization" + _SAYS)
_PARAMETERS = re.compile(
    rb"[a-z][\w.-]{1,40}+ (?:[\w.-]{1,40}+=(?:\\*+\"[^\"\\\r\n]{0,2048}+\\*+\"|[^,\s\"'\]}]{0,2048}+)(?:,\s{0,8}+|[ ](?=[\w.-]{1,40}+=))?)++"
)
_SCHEME = re.compile(rb"(?P<scheme>[a-z][\w-]{1,30}+)[ \t]{1,4}+(?P<token>[^\s\"'\\,;)\]}<>]{6,8192}+)")
_COOKIE = re.compile(
    rb"cookie2?" + _SAYS + rb"(?P<value>[^\s=;,:\"'\[\]{}()\\]{1,200}+=[^;\s\"'\]}\\]{0,4096}+"
    rb"(?:;[ \t]{0,4}+(?:expires=[^;\"'\]}\\\r\n]{0,64}+|[^;\s\"'\]}\\]{0,4096}+))*+)"
)
_IN_MAP = re.compile(rb"(?P<name>[a-z0-9][\w.-]{2,60}+):\[(?P<value>[^\[\]\r\n\"]{4,8192}+)\]")
_MAP = re.compile(rb"(?<=[\[ ])(?P<name>[a-z0-9][\w.-]{2,60}+):(?P<value>[^\s\[\]\"']{4,8192}+)(?=[\s\]])")


def cuts(text: bytes, folded: bytes) -> Iterator[Cut]:
    """The values of headers that hold credentials; `folded` is the text in lower case."""
    if b"authorization" in folded:
        yield from _authorizations(text, folded)
    if b"cookie" in folded:
        for found in _COOKIE.finditer(folded):
            if not _said_already(text, found):
                yield Cut(*found.span("value"), "cookie")
    if b"map[" in folded:
        for line in re.finditer(rb"map\[[^\r\n]*+", folded):
            yield from _maps(text, line)


def _authorizations(text: bytes, folded: bytes) -> Iterator[Cut]:
    for found in _AUTHORIZATION.finditer(folded):
        whole = _PARAMETERS.match(folded, found.end())
        if whole:
            yield Cut(found.end(), whole.end(), "authorization")
            continue
        scheme = _SCHEME.match(folded, found.end())
        if scheme and _is_token(text[scheme.start("token") : scheme.end("token")]):
            yield Cut(found.end(), scheme.end(), "authorization")


def _is_token(value: bytes) -> bool:
    return not harmless(value) and (looks_secret(value) or len(value) > 20)


def _header_kind(name: bytes) -> str | None:
    return "cookie" if name in (b"cookie", b"set-cookie") else secret_kind(name)


def _maps(text: bytes, line: re.Match[bytes]) -> Iterator[Cut]:
    """Go's `map[Name:[value] name:value]`."""
    for pattern in (_IN_MAP, _MAP):
        for found in pattern.finditer(line.string, line.start(), line.end()):
            kind = _header_kind(found["name"])
            if kind and not harmless(text[found.start("value") : found.end("value")]):
                yield Cut(*found.span("value"), kind)


def _said_already(text: bytes, found: re.Match[bytes]) -> bool:
    return harmless(text[found.start("value") : found.end("value")])
