"""The `Redactor`: finds the secrets of one entry, writes stand-ins over them, counts them by kind.

Fast on the clean: config dumps repeat themselves, so only what no entry before had is looked at (`Seen`). Where that
is suspicious, the detectors that suspect it (and only those) see the whole entry.
"""

from __future__ import annotations

import secrets as random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.redact import known, named, secrets
from bugbundle.redact.known import Known
from bugbundle.redact.seen import Fresh, Seen
from bugbundle.redact.shapes import SHAPES, Shape
from bugbundle.redact.standin import Cut, Form, holds_standin, render

_MOST_NAMES = 60


@dataclass(frozen=True)
class Redacted:
    """An entry without its secrets: `removed` counts them by kind; where it is empty, `body` is the one given."""

    body: bytes
    removed: dict[str, int] = field(default_factory=dict)


@dataclass
class _Suspicion:
    """What a first look found: shapes, names of secrets (each with the byte behind it), and the places of both."""

    shapes: list[Shape] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    secrets: bool = False
    places: list[int] = field(default_factory=list)
    copies: dict[bytes, Form] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What is new in an entry, and what is suspicious about it."""

    fresh: Fresh
    suspicion: _Suspicion


class Redactor:
    """Takes secrets out of the entries of one bundle.

    `key` (16 bytes or more; by default random, never stored) makes the digests in stand-ins: the same key gives the
    same stand-ins. Remembers pieces of text in which there was no secret (`Seen`, up to 24 MB), and the values of the
    Secrets that it was shown, to find their copies (`Known`).
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = (key or random.token_bytes(32))[:64]
        self._seen = Seen()
        self._known = Known()

    def learn(self, path: str, body: bytes) -> None:
        """Remember the values of the Secrets in an entry: their copies go from every entry that comes after."""
        if holds_secrets(path) and self._known.learn(body, listed=is_secret_list(path)):
            self._seen.doubt(self._known.suspects)

    def redact(self, path: str, body: bytes) -> Redacted:
        """The entry without its secrets. Takes any bytes, never raises; a second time changes nothing."""
        self.learn(path, body)
        look = self.look(path, body)
        found = self.clean(path, body, look)
        self.remember(look)
        return found

    def look(self, path: str, body: bytes) -> Look:
        """The first look, at what is new in the entry."""
        fresh = self._seen.fresh(body) if path.endswith(".json") else Fresh(body, set(), b"")
        return Look(fresh, self._suspect(fresh.text))

    def _suspect(self, text: bytes) -> _Suspicion:
        suspicion = _suspect(text)
        suspicion.copies = self._known.suspects(text)
        suspicion.places += (cut.start for cut in known.cuts(text, suspicion.copies))
        return suspicion

    def clean(self, path: str, body: bytes, look: Look) -> Redacted:
        """The entry without what a closer look at the suspicious finds."""
        cuts = _find(path, body, look.suspicion)
        if not cuts:
            return Redacted(body)
        parts: list[bytes] = []
        done = 0
        removed: Counter[str] = Counter()
        for cut in cuts:
            parts += (body[done : cut.start], render(cut, body[cut.start : cut.end], self._key))
            removed[cut.kind] += 1
            done = cut.end
        parts.append(body[done:])
        return Redacted(b"".join(parts), dict(sorted(removed.items())))

    def remember(self, look: Look) -> None:
        """What was new is known from now on, but for what was suspicious: that depends on what stands around it."""
        self._seen.remember(look.fresh, look.suspicion.places)


def _find(path: str, body: bytes, suspicion: _Suspicion) -> list[Cut]:
    """Where the secrets are: in order, none overlapping."""
    listed = is_secret_list(path)
    found: list[Cut] = []
    is_json = _is_json(path, body)
    if suspicion.secrets or listed:
        found += secrets.cuts(body, listed=listed, is_json=is_json)
    found += known.cuts(body, suspicion.copies)
    for shape in suspicion.shapes:
        found += (cut for cut in shape.find(body) if not holds_standin(body, cut.start, cut.end))
    if len(suspicion.names) > _MOST_NAMES:
        folded = body.lower()
        for word in named.WORDS:
            found += named.cuts(body, folded, word, is_json)
    else:
        for name in suspicion.names:
            found += named.cuts(body, body, name, is_json)
    return merged(found)


def holds_secrets(path: str) -> bool:
    """Whether an entry is one in which Secrets are to be expected: their list, and what istiod knows of them."""
    return is_secret_list(path) or path.endswith("/debug/krtz.json")


def is_secret_list(path: str) -> bool:
    """Whether an entry is the API server's list of Secrets."""
    return path.startswith("k8s/") and path.rsplit("/", 1)[-1].split(".", 1)[0] == "secrets"


def _is_json(path: str, body: bytes) -> bool:
    if path.endswith(".json"):
        return body[:64].lstrip()[:1] not in b"akms-"  # apiVersion, kind, metadata, spec, ---: a manifest in YAML
    return not path.endswith(".log") and body[:64].lstrip()[:1] in (b"{", b"[")


def _suspect(text: bytes) -> _Suspicion:
    suspicion = _Suspicion(secrets=secrets.may_hold(text))
    folded = text.lower()
    for shape in SHAPES:
        where = folded if shape.folded else text
        if any(literal in where for literal in shape.literals):
            places = shape.places(text)
            if places:
                suspicion.shapes.append(shape)
                suspicion.places += places
    for word in named.WORDS:
        for name in named.names(text, folded, word):
            suspicion.names.add(text[name.start : name.end + 1])
            suspicion.places.append(name.start)
    if suspicion.secrets:
        suspicion.places += (place for mark in secrets.MARKS for place in _all_places(text, mark))
    return suspicion


def _all_places(text: bytes, mark: bytes) -> Iterator[int]:
    place = text.find(mark)
    while place >= 0:
        yield place
        place = text.find(mark, place + 1)


def merged(found: list[Cut]) -> list[Cut]:
    """Cuts in order; those that overlap become one, of the first one's kind."""
    result: list[Cut] = []
    for cut in sorted(found, key=lambda cut: (cut.start, -cut.end)):
        if cut.end <= cut.start:
            continue
        if result and cut.start < result[-1].end:
            if cut.end > result[-1].end:
                result[-1] = result[-1]._replace(end=cut.end)
        else:
            result.append(cut)
    return result
