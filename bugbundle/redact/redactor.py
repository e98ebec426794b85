"""The `Redactor`: finds the secrets of one entry, writes stand-ins over them, counts them by kind.

Fast on the clean: config dumps repeat themselves, so only what no entry before had is looked at (`Seen`). Where that
is suspicious, the detectors that suspect it (and only those) see the whole entry.
"""

from __future__ import annotations

import secrets as random
from collections import Counter
from dataclasses import dataclass, field

from bugbundle.redact import detect
from bugbundle.redact.detect import Suspicion, holds_secrets, is_secret_list
from bugbundle.redact.known import Known
from bugbundle.redact.seen import Fresh, Seen
from bugbundle.redact.standin import Cut, render


@dataclass(frozen=True)
class Redacted:
    """An entry without its secrets: `removed` counts them by kind; where it is empty, `body` is the one given."""

    body: bytes
    removed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Look:
    """What is new in an entry, and what is suspicious about it; where all is new, at once where its secrets are."""

    fresh: Fresh
    suspicion: Suspicion
    cuts: list[Cut] | None = None


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
        if fresh.text is body:
            return Look(fresh, Suspicion(), detect.everything(path, body, self._known))
        return Look(fresh, detect.suspect(fresh.text, self._known))

    def clean(self, path: str, body: bytes, look: Look) -> Redacted:
        """The entry without what a closer look at the suspicious finds."""
        cuts = look.cuts if look.cuts is not None else detect.closer(path, body, look.suspicion, self._known)
        return self.without(body, cuts)

    def without(self, body: bytes, cuts: list[Cut]) -> Redacted:
        """The body with stand-ins where the cuts are (in order, none overlapping)."""
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
