"""Copies: the values of Secrets that were seen, found again where nothing but the value tells that they are secret.

A value is looked for as it is, as base64, percent-encoded, and as JSON escapes it, once or twice. Only values that can
be told from harmless text are: eight characters or more, no word, no name of anything, no number. Only copies that are
delimited, or hold a word that no letter or digit touches, are found; a value inside a longer word is not.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from bugbundle.codec import JSONError, decode
from bugbundle.redact import helm
from bugbundle.redact.names import harmless, looks_random, looks_secret, secret_kind
from bugbundle.redact.secrets import is_public
from bugbundle.redact.standin import Cut, Form, is_standin

MOST = 20_000
"""Values that are remembered; a cluster with more Secrets loses the rest of this second guard, not the first."""

_SHORTEST, _LONGEST = 8, 1 << 14
_LONGEST_HEX = 512
_SURE = 12
"""Characters from which a value counts although its key does not say that it is secret."""
_LETTERS = 16
"""Characters from which a value without digits counts, below a key that says that it is secret."""
_WORD = re.compile(rb"[A-Za-z0-9]{4,}")
_ESCAPED = re.compile(rb"\\+[nrt]|\\+u[0-9a-fA-F]{4}|%[0-9A-F]{2}")
_NAMING_KEY = frozenset(
    b"user username login host hostname hosts port database dbname db namespace region bucket endpoint url uri email "
    b"name id clientid type role account issuer version cluster domain server zone project tenant scope".split()
)
_LIKE_A_NAME = re.compile(
    rb"[a-z0-9]+(?:[-._/:][a-z0-9]+)*/?|[0-9.,:_+TZ -]+|[\w.+-]+@[\w.-]+|[A-Za-z][\w+.-]*://[^@]*"
    rb"|[A-Za-z]+(?:[ _-][A-Za-z]+)?"
)
_COMMON = re.compile(
    rb"(?:pass(?:word|wd|phrase)?|admin|test|testing|secret|changeme|qwerty|default|example|demo|root|user|guest"
    rb"|welcome|token|istio|kubernetes|bookinfo)[-_.@]?[0-9]{0,4}!?",
    re.IGNORECASE,
)
_LETTERS_AND_DIGITS = re.compile(rb"(?=[a-z0-9]*[0-9])(?=[a-z0-9]*[a-z])[a-z0-9]{12,}")


class Known:
    """The values, under the word of each that must be there (the longest run of letters and digits in it)."""

    def __init__(self) -> None:
        self._values: set[bytes] = set()
        self._anchored: dict[bytes, list[tuple[bytes, Form]]] = {}

    def learn(self, body: bytes, *, listed: bool) -> bool:
        """Remember the values of the Secrets in a JSON entry (`listed`: a list of Secrets); whether any was new."""
        try:
            document = decode(body)
        except JSONError:
            return False
        before = len(self._values)
        for key, value in _values(document, listed):
            if len(self._values) < MOST and value not in self._values and _tells(key, value):
                self._values.add(value)
                for spelled, form in _spellings(value):
                    self._anchored.setdefault(_anchor(spelled), []).append((spelled, form))
        return len(self._values) > before

    def suspects(self, text: bytes) -> dict[bytes, Form]:
        """The spellings that `text` holds."""
        if not self._anchored:
            return {}
        words = set(_WORD.findall(_ESCAPED.sub(b" ", text) if b"\\" in text or b"%" in text else text))
        words.add(b"")
        anchors = self._anchored.keys() & words
        return {spelled: form for anchor in anchors for spelled, form in self._anchored[anchor] if spelled in text}


def cuts(data: bytes, spellings: dict[bytes, Form]) -> Iterator[Cut]:
    """Every place of every spelling."""
    for spelled, form in spellings.items():
        place = data.find(spelled)
        while place >= 0:
            yield Cut(place, place + len(spelled), "secret-data", form)
            place = data.find(spelled, place + len(spelled))


def _values(document: Any, listed: bool) -> Iterator[tuple[str, bytes]]:
    """(key, value) of every Secret in a document; also what JSON inside a value says under a secret name."""
    stack = [document]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            if _is_secret(item, listed):
                yield from _of_secret(item)
            stack += item.values()
        elif isinstance(item, list):
            stack += item


def _is_secret(item: dict[str, Any], listed: bool) -> bool:
    kind = item.get("kind")
    if kind is None:
        return listed or (isinstance(item.get("type"), str) and isinstance(item.get("metadata"), dict))
    return bool(kind == "Secret")


def _of_secret(secret: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for field in ("data", "stringData"):
        values = secret.get(field)
        for key, text in values.items() if isinstance(values, dict) else ():
            if not isinstance(text, str) or helm.without_secrets(text.encode("utf-8", "replace")) is not None:
                continue  # of a Helm release something stays
            value = _plain(text) if field == "data" else text.encode("utf-8", "replace").strip()
            yield str(key), value
            if value[:1] == b"{":
                yield from _inner(value)


def _inner(value: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        stack: list[tuple[str, Any]] = [("", decode(value))]
    except JSONError:
        return
    while stack:
        key, item = stack.pop()
        if isinstance(item, dict):
            stack += ((str(name), child) for name, child in item.items())
        elif isinstance(item, str) and secret_kind(key.encode("utf-8", "replace")):
            yield key, item.encode("utf-8", "replace").strip()


def _plain(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("utf-8", "replace")).strip()
    except ValueError:
        return b""


def _tells(key: str, value: bytes) -> bool:
    """Whether a value can be told from harmless text."""
    if not _SHORTEST <= len(value) <= _LONGEST or is_standin(value) or harmless(value) or is_public(value):
        return False
    kind = secret_kind(key.encode("utf-8", "replace"))
    if _COMMON.fullmatch(value):
        return False
    words = re.findall(rb"[a-z]+", key.lower().encode("utf-8", "replace"))
    naming = bool(words) and (words[-1] in _NAMING_KEY or b"".join(words) in _NAMING_KEY)
    if not naming and len(value) >= _SURE and looks_random(value):
        return True
    if _LIKE_A_NAME.fullmatch(value):
        return bool(kind) and (
            bool(_LETTERS_AND_DIGITS.fullmatch(value)) or (kind in ("password", "token") and looks_secret(value))
        )
    if kind:
        return looks_secret(value) or len(value) >= _LETTERS
    return len(value) >= _SURE and not naming and looks_secret(value)


def _spellings(value: bytes) -> Iterable[tuple[bytes, Form]]:
    found = {value: Form.TEXT}
    text = value.decode("utf-8", "surrogateescape")
    for escaped in (json.dumps(text, ensure_ascii=False), json.dumps(text)):
        once = escaped[1:-1]
        for spelled in (once, json.dumps(once, ensure_ascii=False)[1:-1], _as_go(once)):
            found.setdefault(spelled.encode("utf-8", "surrogateescape"), Form.TEXT)
    found.setdefault(quote(value, safe="").encode(), Form.TEXT)
    if len(value) <= _LONGEST_HEX:
        found.setdefault(value.hex().encode(), Form.TEXT)
    for plain in (value, value + b"\n"):
        encoded = base64.b64encode(plain)
        for spelled_bytes in (encoded, encoded.rstrip(b"="), encoded.translate(_URL_SAFE).rstrip(b"=")):
            found.setdefault(spelled_bytes, Form.BASE64)
        found.setdefault(base64.b64encode(encoded), Form.BASE64)
    return found.items()


def _as_go(escaped: str) -> str:
    return escaped.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def _anchor(spelled: bytes) -> bytes:
    """The word by which a spelling is found in a text that is read word by word."""
    words = _WORD.findall(_ESCAPED.sub(b" ", spelled))
    return max(words, key=len, default=b"")
