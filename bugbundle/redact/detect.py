"""Where the secrets of a text are: every detector over the text, and over the texts inside it.

`everything` is for a text that is looked at once. Where most of an entry was seen before, `suspect` looks at what is
new of it, and `closer` at the whole entry, with those detectors alone that suspected something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bugbundle.redact import headers, hidden, known, named, phrases, plain, secrets, tokens
from bugbundle.redact.known import Known
from bugbundle.redact.phrases import SAID
from bugbundle.redact.shapes import SHAPES, Shape
from bugbundle.redact.standin import STANDIN_MARK, Cut, Form, holds_standin

_MOST_NAMES = 60

FINDERS = (tokens.cuts, headers.cuts, phrases.cuts)
"""Detectors that ask for a text, and the text in lower case."""


@dataclass
class Suspicion:
    """What a first look found: shapes, names of secrets (each with the byte behind it), and the places of both."""

    shapes: list[Shape] = field(default_factory=list)
    finders: list[Callable[[bytes, bytes], Iterator[Cut]]] = field(default_factory=list)
    names: set[bytes] = field(default_factory=set)
    secrets: bool = False
    hidden: bool = False
    places: list[int] = field(default_factory=list)
    copies: dict[bytes, Form] = field(default_factory=dict)


def everything(path: str, body: bytes, copies: Known) -> list[Cut]:
    """Where the secrets of an entry are: in order, none overlapping."""
    is_json, listed = _is_json(path, body), is_secret_list(path)
    found: list[Cut] = []
    if path.endswith(".log"):
        found = plain.cuts(body, body.lower())
        body = plain.masked(body, found) if found else body
    if listed or secrets.may_hold(body):
        found += secrets.cuts(body, listed=listed, is_json=is_json)
    found += in_text(body, copies, is_json)
    found += hidden.cuts(body, lambda text: in_text(text, copies, False))
    return merged(found)


def in_text(text: bytes, copies: Known, is_json: bool) -> list[Cut]:
    """What every detector but that of Kubernetes Secrets finds in a text as it stands."""
    found = list(known.cuts(text, copies.suspects(text)))
    folded = text.lower()
    for shape in SHAPES:
        if shape.may_be_in(text, folded):
            found += shape.find(text)
    for finder in FINDERS:
        found += finder(text, folded)
    if found and STANDIN_MARK in text:
        found = [cut for cut in found if not holds_standin(text, cut.start, cut.end)]
    for word in named.WORDS:
        found += named.cuts(text, folded, word, is_json)
    return found


def suspect(text: bytes, copies: Known) -> Suspicion:
    """A first look at what is new in an entry."""
    found = Suspicion(secrets=secrets.may_hold(text), copies=copies.suspects(text))
    found.places += (cut.start for cut in known.cuts(text, found.copies))
    folded = text.lower()
    for shape in SHAPES:
        if shape.may_be_in(text, folded):
            places = shape.places(text)
            if places:
                found.shapes.append(shape)
                found.places += places
    for finder in FINDERS:
        places = [cut.start for cut in finder(text, folded)]
        if places:
            found.finders.append(finder)
            found.places += places
    for word in named.WORDS:
        for name in named.names(text, folded, word):
            found.names.add(text[name.start : name.end + 1])
            found.places.append(name.start)
    if found.secrets:
        found.places += (place for mark in secrets.MARKS for place in _all_places(text, mark))
    inside = [cut.start for cut in hidden.cuts(text, lambda plain: in_text(plain, copies, False))]
    found.hidden = bool(inside)
    found.places += inside
    return found


def closer(path: str, body: bytes, suspicion: Suspicion, copies: Known) -> list[Cut]:
    """Where the secrets of a whole entry are that were suspected in what is new of it."""
    listed = is_secret_list(path)
    is_json = _is_json(path, body)
    found = list(known.cuts(body, suspicion.copies))
    for shape in suspicion.shapes:
        found += shape.find(body)
    if suspicion.finders:
        folded = body.lower()
        for finder in suspicion.finders:
            found += finder(body, folded)
    if found and STANDIN_MARK in body:
        found = [cut for cut in found if not holds_standin(body, cut.start, cut.end)]
    if suspicion.secrets or listed:
        found += secrets.cuts(body, listed=listed, is_json=is_json)
    if len(suspicion.names) > _MOST_NAMES:
        folded = body.lower()
        for word in named.WORDS:
            found += named.cuts(body, folded, word, is_json)
    else:
        for name in suspicion.names:
            found += named.cuts(body, body, name, is_json)
    if suspicion.hidden:
        found += hidden.cuts(body, lambda text: in_text(text, copies, False))
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
            kind = cut.kind if result[-1].kind == SAID else result[-1].kind
            result[-1] = result[-1]._replace(kind=kind, end=max(cut.end, result[-1].end))
        else:
            result.append(cut)
    return result
