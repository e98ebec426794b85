"""The mesh's own HTTP servers, answered from the recording.

Knows which port of which pod answered what, byte for byte, and how Envoy and istiod cut their pages by the
parameters of a request. Must not know Kubernetes, sockets, or what a page means.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from bugbundle.bundle import Bundle
from bugbundle.replay.pages import envoy, istiod
from bugbundle.replay.pages.layout import DEBUG, ISTIOD, PLAIN_DEBUG, PROXY, ZTUNNEL
from bugbundle.replay.pages.page import Page, canonical, sentence, split_target
from bugbundle.replay.pages.shelf import Shelf, shelves

__all__ = ["Page", "Pages"]

READY = (PLAIN_DEBUG, "/ready")
MAX_TARGET = 16384
_READ_ONLY = "This is a recording: nothing can be changed, and {} is not answered.\n"


class Pages:
    """Every recorded server of a bundle. Built once per bundle; looks at the manifest when first asked."""

    def __init__(self, bundle: Bundle, ready: Callable[[str, str], bool | None] = lambda _space, _pod: None) -> None:
        """`ready` tells of a namespace and a pod whether the kubelet found it ready; None where that is not known."""
        self.bundle = bundle
        self._ready = ready

    @cached_property
    def _shelves(self) -> dict[tuple[str, str], Shelf]:
        return shelves(self.bundle)

    def shelf(self, namespace: str, pod: str) -> Shelf | None:
        """What one pod answered; None where none of its servers was recorded."""
        return self._shelves.get((namespace, pod))

    def kinds(self, namespace: str, pod: str) -> frozenset[str]:
        """Which of `proxies`, `istiod`, `ztunnel` were recorded of this pod."""
        shelf = self.shelf(namespace, pod)
        return frozenset(shelf.kinds) if shelf else frozenset()

    def ports(self, namespace: str, pod: str) -> tuple[int, ...]:
        """The ports of this pod that take a connection."""
        shelf = self.shelf(namespace, pod)
        return shelf.ports() if shelf else ()

    def answer(self, namespace: str, pod: str, port: int, method: str, target: str, body: bytes = b"") -> Page:
        """The answer of `http://POD:PORT` to `METHOD TARGET`; never raises.

        A page that was not recorded is a 404 or 503 with the gap's reason; a change is a 405.
        """
        shelf = self.shelf(namespace, pod)
        if shelf is None or port not in shelf.ports():
            return sentence(503, refusal(self, namespace, pod, port))
        if len(target) > MAX_TARGET:
            return sentence(414, "This request is too long.")
        path, query = split_target(target)
        method = "GET" if method == "HEAD" else method
        exact = shelf.find(port, canonical(method, path, query))
        if exact is not None and not body:
            return exact
        if method != "GET":
            return _post(shelf, port, method, path, query, body)
        recorded = shelf.find(DEBUG, "GET /ready") is not None
        if (
            (port, path) == READY
            and not recorded
            and ISTIOD in shelf.kinds
            and (page := self._readiness(namespace, pod))
        ):
            return page
        if (port, canonical(method, path, query)) in shelf.gaps:
            return shelf.missing(port, canonical(method, path, query))
        for spot in (path, path.rstrip("/") + "/", path.rstrip("/") or "/"):
            if page := self._derived(shelf, port, spot, query):
                return page
        return _not_recorded(shelf, port, path, query)

    def _readiness(self, namespace: str, pod: str) -> Page | None:
        """istiod's own `/ready`, which the kubelet asks: by the Pod's Ready condition, where nobody recorded it."""
        ready = self._ready(namespace, pod)
        if ready is None:
            return None
        return Page(200 if ready else 503, {"content-type": "text/plain; charset=utf-8"}, b"")

    def _derived(self, shelf: Shelf, port: int, path: str, query: dict[str, str]) -> Page | None:
        if PROXY in shelf.kinds and (page := envoy.derive(shelf, port, path, query)):
            return page
        if ISTIOD in shelf.kinds and (page := istiod.derive(shelf, port, path, query)):
            return page
        if ZTUNNEL in shelf.kinds:
            return shelf.find(port, canonical("GET", path, {}))
        return None


def refusal(pages: Pages, namespace: str, pod: str, port: int) -> str:
    """Why a port takes no connection, in a sentence."""
    known = ", ".join(str(number) for number in pages.ports(namespace, pod))
    hint = f"its recorded ports are {known}" if known else "no server of this pod was recorded"
    return f"Port {port} of {pod}.{namespace} is not in this recording: {hint}."


def _post(shelf: Shelf, port: int, method: str, path: str, query: dict[str, str], body: bytes) -> Page:
    """What is not a GET: the listing of the log levels where it was recorded, else a refusal."""
    if (method, path) == ("POST", "/logging") and not any(query.values()) and not body:
        return shelf.page(port, "POST /logging")
    return Page(405, {"content-type": "text/plain; charset=UTF-8", "allow": "GET, HEAD"},
                _READ_ONLY.format(ascii(f"{method} {path}")[1:-1]).encode())  # fmt: skip


def _not_recorded(shelf: Shelf, port: int, path: str, query: dict[str, str]) -> Page:
    """404 or 503; the front page lists what can be asked."""
    if path in ("/", "/help", "/debug", "/debug/"):
        listing = "\n".join(shelf.requests(port)) or "nothing"
        return sentence(404, f"This is a recording. Recorded of this port:\n{listing}")
    return shelf.missing(port, canonical("GET", path, query))
