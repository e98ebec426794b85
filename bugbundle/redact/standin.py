"""Stand-ins: what is written where a secret was.

The text is `redacted-KIND-LENGTH-DIGEST`, made of letters, digits and dashes alone, so that it is valid as it
stands in a JSON string, a plain YAML scalar, a URL, a header and a shell word (brackets or colons would turn a YAML
scalar into a list and break URLs). The digest is keyed with a key that lives as long as the `Redactor`: equal secrets
of one bundle have equal stand-ins, and nobody can test a guess.
"""

from __future__ import annotations

import base64
import hashlib
import re
from enum import Enum
from typing import NamedTuple

ENVOY_REDACTED = b"W3JlZGFjdGVkXQ=="
"""Base64 of `[redacted]`: what Envoy itself prints for a sensitive `bytes` field."""

STANDIN_MARK = b"redacted-"
"""What every stand-in begins with."""

_TEXT = re.compile(rb"redacted-[a-z-]{1,40}-[0-9]{1,12}-[0-9a-f]{8}")
_OTHERS = re.compile(rb"[\[<(*{]*redacted[\])>*}]*", re.IGNORECASE)


class Form(Enum):
    """How a stand-in must be spelled to be valid in its place."""

    TEXT = "text"
    BASE64 = "base64"
    ENVOY = "envoy"


class Cut(NamedTuple):
    """Bytes `start` to `end` are a secret of `kind`."""

    start: int
    end: int
    kind: str
    form: Form = Form.TEXT
    quote: bytes = b""
    """What the stand-in needs around it, where the value is a bare number of JSON."""
    instead: bytes = b""
    """What is written where something of the value may stay; else a stand-in is."""


def text(kind: str, value: bytes, key: bytes) -> bytes:
    """The stand-in of a value: `kind` in lower case with dashes, the length in bytes, 32 bits of keyed blake2b."""
    digest = hashlib.blake2b(value, key=key, digest_size=4).hexdigest()
    return f"redacted-{kind}-{len(value)}-{digest}".encode()


def render(cut: Cut, value: bytes, key: bytes) -> bytes:
    """The bytes that take the place of `value`."""
    if cut.instead:
        return cut.instead
    if cut.form is Form.ENVOY:
        return ENVOY_REDACTED
    if cut.form is Form.BASE64:
        return base64.b64encode(text(cut.kind, decoded(value), key))
    return cut.quote + text(cut.kind, value, key) + cut.quote


def decoded(value: bytes) -> bytes:
    """What base64 holds (either alphabet, padding optional), or the bytes themselves where it is none."""
    plain = value.replace(b"\\n", b"").replace(b"\\r", b"").translate(_URL_SAFE, b"\r\n =\\")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return value


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def is_standin(value: bytes) -> bool:
    """Whether a value was taken out already: by us, by Envoy, or by whoever wrote `REDACTED`."""
    bare = value.strip()
    if _TEXT.fullmatch(bare) or _OTHERS.fullmatch(bare) or bare == ENVOY_REDACTED:
        return True
    if bare.startswith((b"cmVkYWN0ZWQt", b"W3JlZGFj")):
        plain = decoded(bare)
        return bool(_TEXT.fullmatch(plain) or _OTHERS.fullmatch(plain))
    return False


def holds_standin(data: bytes, start: int, end: int) -> bool:
    """Whether the place `start` to `end` lies in or touches one of our stand-ins."""
    if data.find(STANDIN_MARK, max(0, start - 64), end + 64) < 0:
        return False
    return any(
        found.start() < end - max(0, start - 64) and found.end() > start - max(0, start - 64)
        for found in _TEXT.finditer(data[max(0, start - 64) : end + 64])
    )
