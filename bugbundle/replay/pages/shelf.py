"""The recorded answers of one pod's servers, found by port and request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from bugbundle.bundle import Bundle, Gap
from bugbundle.bundle.layout import GAP, UNASKED
from bugbundle.errors import BugbundleError
from bugbundle.replay.pages.layout import PORTS, asked, owner
from bugbundle.replay.pages.page import JSON, METRICS, TEXT, Page, parse_request, sentence

_STATUSES = frozenset(range(200, 600)) - {204, 205, 304}
"""What a page with a body can have; a manifest that says otherwise is not believed."""

Key = tuple[int, str]
"""Port and canonical request."""

_TARGET = re.compile(r"\S+ (\S+)\.([^.\s:]+):(\d{1,5})")


@dataclass(slots=True)
class Shelf:
    """What one pod answered, and what it did not.

    `entries` and `gaps` go by port and canonical request; `kinds` are `proxies`, `istiod`, `ztunnel`.
    """

    bundle: Bundle
    namespace: str
    pod: str
    kinds: set[str] = field(default_factory=set)
    entries: dict[Key, str] = field(default_factory=dict)
    gaps: dict[Key, Gap] = field(default_factory=dict)

    def ports(self) -> tuple[int, ...]:
        """The ports that take a connection: those of its kind, and any other that was asked."""
        known = {port for kind in self.kinds for port in PORTS[kind]}
        known |= {port for port, _ in (*self.entries, *self.gaps)}
        return tuple(sorted(known))

    def find(self, port: int, request: str) -> Page | None:
        """The recorded answer, byte for byte, or None. A damaged entry answers 503 and says so."""
        path = self.entries.get((port, request))
        if path is None:
            return None
        try:
            body = self.bundle[path]
        except BugbundleError as error:
            return sentence(503, f"{request} is damaged in this recording: {error.what}")
        status = self.bundle.entry(path).status
        return Page(status if status in _STATUSES else 200, {"content-type": media(path)}, body)

    def missing(self, port: int, request: str) -> Page:
        """The page that says why there is none: 404 where nobody asked, else as the recording's gap."""
        what = f"{request} of {self.pod}.{self.namespace}:{port} is not in this recording"
        gap = self.gaps.get((port, request))
        if gap is None:
            page = sentence(404, f"{what}: nobody asked for it.")
            return replace(page, headers={**page.headers, UNASKED: "true"})
        status = gap.status if 400 <= gap.status <= 599 else 503
        page = sentence(status, f"{what}: {gap.reason or 'no answer'}.")
        headers = {**page.headers, GAP: f"{gap.status} {quote(gap.reason, errors='replace')}"} if gap.status else {}
        return replace(page, headers=headers or page.headers, answered=gap.status != 0)

    def page(self, port: int, request: str) -> Page:
        """The recorded answer, or the page that says why there is none."""
        return self.find(port, request) or self.missing(port, request)

    def requests(self, port: int) -> list[str]:
        """What this port can be asked, sorted."""
        return sorted(request for known, request in self.entries if known == port)


def media(path: str) -> str:
    """The content type that the server gave with what is in this entry."""
    if path.endswith(".json"):
        return JSON
    return METRICS if path.endswith("/metrics.txt") else TEXT


def shelves(bundle: Bundle) -> dict[tuple[str, str], Shelf]:
    """Every pod with a recorded server, by namespace and name; reads no entry but the manifest."""
    found: dict[tuple[str, str], Shelf] = {}
    for path in bundle:
        entry = bundle.entry(path)
        placed = _place(bundle, found, path, entry.target, entry.request)
        if placed:
            placed[0].entries.setdefault(placed[1], path)
    for path, gap in bundle.gaps.items():
        placed = _place(bundle, found, path, gap.target, gap.request)
        if placed:
            placed[0].gaps.setdefault(placed[1], gap)
    return found


def _place(
    bundle: Bundle, found: dict[tuple[str, str], Shelf], path: str, target: str, request: str
) -> tuple[Shelf, Key] | None:
    """The shelf of an entry, made where it is the first, and its port and request."""
    held = owner(path)
    if held is None:
        return None
    kind, namespace, pod, name = held
    key = _manifest_key(target, request, namespace, pod) or asked(kind, name)
    if key is None:
        return None
    shelf = found.setdefault((namespace, pod), Shelf(bundle, namespace, pod))
    shelf.kinds.add(kind)
    return shelf, key


def _manifest_key(target: str, request: str, namespace: str, pod: str) -> Key | None:
    """Port and request as the manifest has them, if it speaks of this pod."""
    server = _TARGET.fullmatch(target)
    asked_for = parse_request(request)
    if server is None or not asked_for or (server[2], server[1]) != (namespace, pod):
        return None
    return int(server[3]), asked_for
