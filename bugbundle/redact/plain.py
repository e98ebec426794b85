# ruff: noqa: E501
"""The plainest secrets of logs, `password=…` and `"token":"…"`, found in one pass: a log with two on every line has these.

They are masked before the other detectors look, so that these spend no time on them.
"""

from __future__ import annotations

import re

from bugbundle.redact.standin import Cut

_KINDS = {
    b"password": "password", b"passwd": "password", b"passphrase": "password", b"token": "token", b"secret": "credential",
    b"api_key": "key", b"api-key": "key", b"apikey": "key", b"secret_key": "key", b"access_key": "key",
}  # fmt: skip
_NAMES = rb"(?<![a-z0-9./-])(?P<name>passw(?:or)?d|passphrase|token|secret_key|access_key|secret|api[_-]?key)"
_PLAIN = re.compile(_NAMES + rb"(?:=|\":[ ]?\")(?P<value>[a-z0-9]{8,64}+)(?=[\s,;&\"]|\Z)")
_BEARER = re.compile(rb"(?P<name>authorization)(?:: |\":[ ]?\")(?P<value>bearer [a-z0-9._-]{8,2048}+)(?=[\s\"]|\Z)")


def cuts(text: bytes, folded: bytes) -> list[Cut]:
    """The values; `folded` is the text in lower case."""
    found = []
    for match in _PLAIN.finditer(folded):
        start, end = match.span("value")
        value = folded[start:end]
        if not value.isalpha() and not value.isdigit():
            found.append(Cut(start, end, _KINDS[match["name"]]))
    found += (Cut(*match.span("value"), "authorization") for match in _BEARER.finditer(folded))
    return found


def masked(text: bytes, found: list[Cut]) -> bytes:
    """The text with names and values of the cuts written over, every place where it was."""
    parts: list[bytes] = []
    done = 0
    for cut in sorted(found):
        start = max(done, cut.start - 20)
        start += text[start : cut.start].rfind(b" ") + 1
        parts += (text[done:start], (b"x." * (cut.end - start))[: cut.end - start])
        done = cut.end
    parts.append(text[done:])
    return b"".join(parts)
