"""A second opinion: what a redacted entry still holds that must not be there.

Written apart from the detectors, on purpose: it undoes escapes instead of counting them, decodes base64 instead of
knowing how a key looks encoded, parses JSON instead of walking its text. What is harmless, both know from `names`:
they must not differ about that.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import Any

from bugbundle.codec import JSONError, decode
from bugbundle.redact import helm
from bugbundle.redact.names import harmless, looks_secret

_PEM = re.compile(rb"BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,6}-----[^-]{0,200}?[A-Za-z0-9+/]{16}")
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{44,}={0,2}")
_ALIKE = bytes(65 if _RUN.fullmatch(bytes([byte]) * 44) else 0 for byte in range(256))
_LONG = b"A" * 44
_JWT = re.compile(rb"eyJ([A-Za-z0-9_-]{8,8192}+)\.[A-Za-z0-9_-]{4,}+\.[A-Za-z0-9_-]{4,}")
_BEARER = re.compile(rb"[Bb](?:earer|EARER)\s{1,4}([A-Za-z0-9._~+/-]{16,})")
_PASSWORD = re.compile(rb"(?:passw(?:or)?d|passphrase)[\"']?[ \t]?[=:][ \t]?[\"']?([^\s\"',;&{}()\[\]<>|]{1,200})")
_URL = re.compile(rb"://[^\s/:@\"'?#,]{0,128}+:([^\s/@\"'?#,]{1,256}+)@[\w.\[]")
_SAID = re.compile(rb"(?i:redacted)|^cmVkYWN0ZWQt|^W3JlZGFj|^\*+$|^x+$|^\$|^%|^\{\{|^<")
_DIGIT = re.compile(rb"\d")
_CERTIFICATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*)-----.*?-----END \1-----", re.DOTALL)
_PUBLIC_BLOCKS = frozenset({"CERTIFICATE", "TRUSTED CERTIFICATE", "X509 CRL", "PUBLIC KEY", "PKCS7"})
_DATA = (b'"data"', b'"data\\', b"tringData")
_MOST_DEPTH = 4


def residue(path: str, body: bytes, fresh: bytes | None = None) -> list[str]:
    """The kinds of secrets that an entry still holds, sorted; empty is good. Any bytes will do.

    `fresh`: what of the entry no clean entry had, its strings whole; by default all of it.
    """
    found = {kind for kind, _ in doubts(body if fresh is None else fresh)}
    if _holds_secret(path, body):
        found.add("secret-data")
    return sorted(found)


def doubts(body: bytes) -> Iterator[tuple[str, bytes]]:
    """(kind, value) of what looks like a secret in a text, as it reads without escapes."""
    text = _flat(body)
    if b"PRIVATE KEY" in text:
        yield from (("private-key", found[0]) for found in _PEM.finditer(text))
    yield from (("private-key", run) for run in _runs(text) if _encodes_key(run, 2))
    if b"eyJ" in text:
        yield from (("jwt", token[0]) for token in _JWT.finditer(text) if _is_jwt(token[1]))
    if b"earer" in text:
        yield from (("authorization", token[1]) for token in _BEARER.finditer(text) if _is_value(token[1]))
    yield from (("password", value) for value in _named(text))
    if b"://" in text:
        yield from (("url-password", found[1]) for found in _URL.finditer(text) if not _says_nothing(found[1]))


def _flat(body: bytes) -> bytes:
    """The text without any level of JSON's escapes."""
    if b"\\" not in body:
        return body
    return re.sub(rb"\\+(u00[0-7][0-9a-fA-F]|[nrt\"/]?)", lambda escape: _FLAT.get(escape[1]) or _code(escape[1]), body)


_FLAT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"/": b"/"}


def _code(escape: bytes) -> bytes:
    return bytes([int(escape[1:], 16)]) if escape[:1] == b"u" else b""


def _runs(text: bytes) -> Iterator[bytes]:
    """Runs of base64 that are long enough for a key's first line."""
    alike = text.translate(_ALIKE)
    place = alike.find(_LONG)
    while place >= 0:
        run = _RUN.match(text, place)
        if not run:
            return
        yield run[0]
        place = alike.find(_LONG, run.end())


def _encodes_key(text: bytes, levels: int) -> bool:
    for shift in range(4):
        part = text[shift:].rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            plain = base64.b64decode(part[: len(part) // 4 * 4])
        except (binascii.Error, ValueError):
            continue
        if b"PRIVATE KEY-----" in plain:
            return True
        if plain.startswith(b"-----BEGIN "):
            return False
        inner = _RUN.finditer(plain.replace(b"\n", b"")) if levels > 1 else ()
        if any(_encodes_key(run[0], levels - 1) for run in inner):
            return True
    return False


def _is_jwt(header: bytes) -> bool:
    part = b"eyJ" + header
    try:
        plain = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        return False
    return b'"alg"' in plain or b'"typ"' in plain or b'"kid"' in plain


def _named(text: bytes) -> Iterator[bytes]:
    folded = text.lower()
    if b"passw" not in folded and b"passphrase" not in folded:
        return
    for match in _PASSWORD.finditer(folded):
        value = text[match.start(1) : match.end(1)]
        if _is_value(value):
            yield value


def _is_value(value: bytes) -> bool:
    return (
        not value.startswith(b"redacted-")
        and bool(_DIGIT.search(value))
        and looks_secret(value)
        and not _says_nothing(value)
    )


def _says_nothing(value: bytes) -> bool:
    return len(value) <= 3 or value.startswith(b"redacted-") or harmless(value) or bool(_SAID.search(value))


def _holds_secret(path: str, body: bytes) -> bool:
    if not any(mark in body for mark in _DATA):
        return False
    try:
        document = decode(body)
    except JSONError:
        return False
    stack: list[tuple[Any, int]] = [(document, 0)]
    listed = path.rsplit("/", 1)[-1] == "secrets.json"
    while stack:
        value, depth = stack.pop()
        if isinstance(value, dict):
            if _is_secret(value, listed) and _has_value(value):
                return True
            stack += ((child, depth) for child in value.values())
        elif isinstance(value, list):
            stack += ((child, depth) for child in value)
        elif isinstance(value, str) and depth < _MOST_DEPTH and "Secret" in value and value.lstrip()[:1] in ("{", "["):
            try:
                stack.append((decode(value.encode("utf-8", "replace")), depth + 1))
            except JSONError:
                continue
    return False


def _is_secret(value: dict[str, Any], listed: bool) -> bool:
    kind = value.get("kind")
    if kind is None:
        return listed or (isinstance(value.get("type"), str) and isinstance(value.get("metadata"), dict))
    return bool(kind == "Secret")


def _has_value(secret: dict[str, Any]) -> bool:
    for field in ("data", "stringData"):
        values = secret.get(field)
        for text in values.values() if isinstance(values, dict) else ():
            if isinstance(text, str) and text.strip() and not _may_stay(text) and not _is_bare_release(text):
                return True
    return False


def _is_bare_release(text: str) -> bool:
    raw = text.encode("utf-8", "replace")
    return helm.without_secrets(raw) == raw


def _may_stay(text: str) -> bool:
    plain = text
    if "-----BEGIN" not in text and not text.startswith("redacted-"):
        try:
            plain = base64.b64decode(text).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return False
    if re.fullmatch(r"redacted-[a-z-]+-\d+-[0-9a-f]{8}", plain) or plain.strip() in (
        "[redacted]",
        "REDACTED",
        "<redacted>",
    ):
        return True
    blocks = {block[1] for block in _CERTIFICATE.finditer(plain)}
    rest = "".join(line for line in _CERTIFICATE.sub("", plain).splitlines() if not line.startswith("#"))
    return not rest.strip() and all(block in _PUBLIC_BLOCKS for block in blocks)
