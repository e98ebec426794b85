"""istiod's debug pages, and how its parameters cut them (pilot/pkg/xds/debug.go)."""

from __future__ import annotations

from bugbundle.codec import JSONError, decode, reindent, split_array
from bugbundle.errors import BugbundleError
from bugbundle.replay.pages.layout import DEBUG, PLAIN_DEBUG
from bugbundle.replay.pages.page import Page, canonical, sentence
from bugbundle.replay.pages.shelf import Shelf
from bugbundle.xds.split import split

NOT_CONNECTED = "Proxy not connected to this Pilot instance. It may be connected to another instance."
NO_PROXY_ID = "You must provide a proxyID in the query string"
_OF_PROXY = ("/debug/config_dump", "/debug/edsz", "/debug/ndsz", "/debug/ecdsz", "/debug/sidecarz")


def derive(shelf: Shelf, port: int, path: str, query: dict[str, str]) -> Page | None:
    """A debug page with parameters, or of 8080, which serves what 15014 does; None where there is none."""
    if port not in (DEBUG, PLAIN_DEBUG):
        return shelf.find(port, canonical("GET", path, {}))
    if path == "/ready":
        return shelf.find(port, "GET /ready")
    pretty = "pretty" in query
    rest = {name: value for name, value in query.items() if name != "pretty"}
    page = _page(shelf, path, rest)
    if page is None or not pretty or page.status != 200:
        return page
    try:
        return Page(200, page.headers, reindent(page.body, 2))
    except JSONError:
        return page


def _page(shelf: Shelf, path: str, query: dict[str, str]) -> Page | None:
    exact = shelf.find(DEBUG, canonical("GET", path, query))
    if exact is not None:
        return exact
    if path in _OF_PROXY and "types" not in query:
        return _of_proxy(shelf, path, query.get("proxyID", ""))
    if path == "/debug/config_dump" and set(query) == {"proxyID", "types"}:
        return _of_types(_of_proxy(shelf, path, query["proxyID"]), query["types"])
    if path == "/debug/syncz" and set(query) == {"namespace"}:
        return _in_namespace(shelf.page(DEBUG, "GET /debug/syncz"), query["namespace"])
    return None


def _of_types(page: Page | None, types: str) -> Page | None:
    """Only the resources of these types, in a flat list (pilot/pkg/xds/debug.go: `getConfigDumpByResourceType`)."""
    if page is None or page.status != 200:
        return page
    try:
        items = split(page.body).items
    except BugbundleError:
        return page
    wanted = set(types.upper().split(","))
    bodies = [bytes(item.body) for item in items if item.kind in wanted and item.body is not None]
    return Page(200, page.headers, b'{"configs":[' + b",".join(bodies) + b"]}" if bodies else b"{}")


def _of_proxy(shelf: Shelf, path: str, proxy: str) -> Page | None:
    """The page about one proxy: the one of that name, else (as istiod does) one whose name holds it."""
    if not proxy:
        return sentence(400, NO_PROXY_ID)
    wanted = canonical("GET", path, {"proxyID": proxy})
    if found := shelf.find(DEBUG, wanted):
        return found
    if (DEBUG, wanted) in shelf.gaps:
        return shelf.missing(DEBUG, wanted)
    head = f"GET {path}?proxyID="
    partial = [request for request in shelf.requests(DEBUG) if request.startswith(head)]
    if not partial:
        return None
    for request in partial:
        if wanted.removeprefix(head) in request.removeprefix(head):
            return shelf.find(DEBUG, request)
    return sentence(404, NOT_CONNECTED)


def _in_namespace(page: Page, namespace: str) -> Page:
    """The connections of one namespace, each as it was recorded."""
    if page.status != 200 or not namespace:
        return page
    try:
        items = [raw for raw in split_array(page.body) if _namespace(decode(raw)) == namespace]
    except JSONError:
        return sentence(503, "The recorded debug/syncz is not JSON.")
    return Page(200, page.headers, b"[" + b",".join(bytes(raw) for raw in items) + b"]")


def _namespace(item: object) -> str:
    proxy = item.get("proxy") if isinstance(item, dict) else None
    return proxy.rpartition(".")[2] if isinstance(proxy, str) else ""
