"""Secrets that are known by their shape, wherever they stand: private keys, JWTs, header credentials, URL user
information, the access keys of well-known services.

Each shape has literals that must be present (a `bytes.find`, gigabytes a second) before its expression is tried.
All expressions are linear: possessive or bounded, and none begins with a repetition.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bugbundle.redact import commands, pem
from bugbundle.redact.names import harmless, looks_random, looks_secret
from bugbundle.redact.standin import Cut, Form, decoded, is_standin

_JWT = re.compile(
    rb"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,8192}+\.(?:eyJ[A-Za-z0-9_-]{4,}+|[A-Za-z0-9_-]{4,}+(?=\.[A-Za-z0-9_-]{4}))"
    rb"(?:\.[A-Za-z0-9_=-]*+){0,3}"
)
SCHEMES = (b"bearer", b"basic", b"negotiate", b"splunk", b"apikey")
_CREDENTIALS = re.compile(rb"[A-Za-z]{5,9}+(?:[ \t]|%20|\+){1,4}+(?P<value>[A-Za-z0-9._~+/-]{6,}+=*+)")
_USERINFO = re.compile(
    rb"://(?P<user>[^\s/?#\"'<>\\@:,;(){}\[\]|]{0,128}+):(?P<value>(?:[^\s/?#\"'<>\\@]|@(?=[^\s/?#\"'<>\\@]{0,256}@)){1,256}+)@(?=[\[\w$%{])"
)
_USER_TOKEN = re.compile(rb"://(?P<value>[A-Za-z0-9_-]{12,256}+)@(?=[\w\[])")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"
_MORE = rb"(?=[A-Za-z0-9+/_-]{4,120}+={0,2}(?:[\s\\\"']|\Z))"
_RUN = re.compile(rb"(?:[A-Za-z0-9+/_-]|\\++[nr]" + _MORE + rb"|\r?\n[ \t]{0,40}+" + _MORE + rb")*+={0,2}")

_HASHED = re.compile(
    rb"\{S?SHA(?:256|512)?\}[A-Za-z0-9+/]{20,128}+={0,2}|\$(?:apr1|1|2[abxy]|5|6|y)\$[A-Za-z0-9./$=,+-]{12,256}+|\$argon2i?d?\$[A-Za-z0-9./$=,+-]{8,256}+"
)
_RELEASE = re.compile(rb"release\\*+[\"']?:[ \t]{0,4}+(?:\\*+[\"'])?(?P<value>H4sI[A-Za-z0-9+/=]{36,}+)")
_WEBHOOK = re.compile(
    rb"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|webhook\.office\.com/webhookb2)"
    rb"/(?P<value>[A-Za-z0-9_/@-]{16,256}+)"
)
_DER = re.compile(
    rb"(?<![A-Za-z0-9+/])MI[A-Za-z0-9+/]{4}IBADANBgkqhkiG9w0BAQEFAAS|(?<![A-Za-z0-9+/])MII[A-Za-z0-9+/]{3}IBAAKCA|"
    rb"(?<![A-Za-z0-9+/])MC4CAQAwBQYDK2V[uw]BCIE|(?<![A-Za-z0-9+/])MHcCAQEE[A-Za-z0-9+/]{40}|(?<![A-Za-z0-9+/])MIG[A-Za-z0-9]AgEAMB[A-Za-z0-9+/]{2}Byq"
)


def _aligned(text: bytes) -> tuple[bytes, ...]:
    """How base64 spells `text` inside longer data: the part that its neighbours don't touch, for each alignment."""
    spelled = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + text)
        spelled.append(encoded[(0, 2, 3)[shift] : (len(text) + shift) * 8 // 6])
    return tuple(spelled)


ONCE = _aligned(b"PRIVATE KEY-----")
TWICE = tuple(dict.fromkeys(twice for once in ONCE for twice in _aligned(once)))
_DER_LITERALS = (b"IBADANBgkqhkiG9w0BAQEFAAS", b"IBAAKCA", b"MHcCAQEE", b"AgEAMB", b"MC4CAQAwBQYDK2V")


class Shape(NamedTuple):
    """One kind of shape: the literals of which one must be there (`folded`: in lower case), and how to find it."""

    literals: tuple[bytes, ...]
    folded: bool
    find: Callable[[bytes], Iterator[Cut]]
    suspect: Callable[[bytes], Iterator[int]] | None = None
    """Where it may be, for a shape of several pieces of JSON; by default where it is."""

    def may_be_in(self, text: bytes, folded: bytes) -> bool:
        """Whether one of the literals is in a text (`folded`: the text in lower case)."""
        where = folded if self.folded else text
        return any(literal in where for literal in self.literals)

    def places(self, text: bytes) -> list[int]:
        """Where the shape is, or may be."""
        return list(self.suspect(text)) if self.suspect else [cut.start for cut in self.find(text)]


def _jwt(data: bytes) -> Iterator[Cut]:
    for found in _JWT.finditer(data):
        yield Cut(found.start(), found.end(), "jwt")


def _header(data: bytes) -> Iterator[Cut]:
    folded = data.lower()
    for scheme in SCHEMES:
        for place in _places(folded, scheme):
            found = _CREDENTIALS.match(data, place)
            if found and not folded[max(0, place - 1) : place].isalnum() and _is_credential(scheme, found["value"]):
                yield Cut(found.start("value"), found.end("value"), "authorization")


def _is_credential(scheme: bytes, value: bytes) -> bool:
    if harmless(value):
        return False
    if scheme == b"basic":
        return (b":" in decoded(value) and value != decoded(value)) or (len(value) >= 12 and looks_random(value))
    return looks_secret(value) and not (value.isalpha() and len(value) < 16)


def _userinfo(data: bytes) -> Iterator[Cut]:
    for place in _places(data, b"://"):
        found = _USERINFO.match(data, place)
        if found:
            good = not harmless(found["value"])
        else:
            found = _USER_TOKEN.match(data, place)
            good = found is not None and not is_standin(found["value"]) and looks_secret(found["value"])
        if found and good:
            yield Cut(found.start("value"), found.end("value"), "url-password")


_JWK = re.compile(rb"kty\\*+\"\s{0,40}+:\s{0,40}+\\*+\"(?P<type>[A-Za-z]{2,3})\\*+\"")
_JWK_REACH = 16384
_JWK_SECRET = re.compile(
    rb"\\*+\"(?P<field>d|p|q|dp|dq|qi|k)\\*+\"\s{0,40}+:\s{0,40}+\\*+\"(?P<value>[A-Za-z0-9_=-]{4,4096}+)(?=\\*+\")"
)


def _jwk(data: bytes) -> Iterator[Cut]:
    """The private members of JSON Web Keys (RFC 7518, 6.2.2, 6.3.2, 6.4.1); the public ones stay."""
    done = 0
    for place in _places(data, b"kty"):
        found = _JWK.match(data, place) if place >= done else None
        if not found:
            continue
        start = max(data.rfind(b"{", max(done, place - _JWK_REACH), place), done)
        end = data.find(b"}", place, place + _JWK_REACH)
        done = end if end >= 0 else min(len(data), place + _JWK_REACH)
        for member in _JWK_SECRET.finditer(data, start, done):
            if (found["type"].lower() == b"oct") == (member["field"] == b"k") and not is_standin(member["value"]):
                yield Cut(*member.span("value"), "private-key")


def _value(kind: str, pattern: re.Pattern[bytes]) -> Callable[[bytes], Iterator[Cut]]:
    def find(data: bytes) -> Iterator[Cut]:
        for found in pattern.finditer(data):
            if not is_standin(found["value"]):
                yield Cut(*found.span("value"), kind)

    return find


def _plain(kind: str, pattern: re.Pattern[bytes]) -> Callable[[bytes], Iterator[Cut]]:
    def find(data: bytes) -> Iterator[Cut]:
        for found in pattern.finditer(data):
            yield Cut(found.start(), found.end(), kind)

    return find


def _encoded_keys(data: bytes) -> Iterator[Cut]:
    """Base64 that holds a private key, PEM (once or twice encoded) or DER: the whole run of base64 goes."""
    places = [place for literal in (*ONCE, *TWICE) for place in _places(data, literal)]
    if any(literal in data for literal in _DER_LITERALS):
        places += [found.start() for found in _DER.finditer(data)]
    done = 0
    for place in sorted(places):
        if place < done:
            continue
        start = _run_start(data, place, done)
        match = _RUN.match(data, start)
        done = max(match.end() if match else place, place + 1)
        yield Cut(start, done, "private-key", Form.BASE64)


def _places(data: bytes, literal: bytes) -> Iterator[int]:
    place = data.find(literal)
    while place >= 0:
        yield place
        place = data.find(literal, place + len(literal))


def _run_start(data: bytes, place: int, least: int) -> int:
    """Where the base64 around `place` begins, not before `least`."""
    start = place
    while start > least:
        lower = max(least, start - 4096)
        kept = len(data[lower:start].rstrip(_BASE64)) + lower
        if kept > lower:
            after_escape = data[kept - 1 : kept] == b"\\" and kept < place
            return kept + 1 if after_escape else kept
        start = lower
    return start


SHAPES = (
    Shape(pem.LITERALS, False, pem.cuts),
    Shape((*ONCE, *TWICE, *_DER_LITERALS), False, _encoded_keys),
    Shape((b"eyJ",), False, _jwt),
    Shape(SCHEMES, True, _header),
    Shape((b"://",), False, _userinfo),
    Shape((b"kty",), False, _jwk, lambda text: _places(text, b"kty")),
    Shape(commands.LITERALS, False, commands.cuts, lambda text: (found.start() for found in commands.clients(text))),
    Shape((b"H4sI",), False, _value("helm-release", _RELEASE)),
    Shape((b"/services/", b"/workflows/", b"/webhook"), False, _value("webhook", _WEBHOOK)),
    Shape(
        (b"SHA", b"$apr1$", b"$1$", b"$2", b"$5$", b"$6$", b"$y$", b"$argon2"), False, _plain("password-hash", _HASHED)
    ),
)
