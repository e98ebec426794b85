"""What the servers of a mesh are asked, pod by pod.

istiod's account of a proxy and that proxy's own dump are asked back to back, so that they can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bugbundle.codec import JSONError, decode
from bugbundle.collect import dangers
from bugbundle.collect.ask import Ask, Asked, Desk, Outcome, Passing, Task, of_pod
from bugbundle.collect.health import Places
from bugbundle.collect.options import Options
from bugbundle.collect.pods import Pod
from bugbundle.collect.reply import Reply
from bugbundle.collect.servers import Servers, node_of
from bugbundle.istio import Source

ENVOY = tuple(source for source in Source if source.value.folder == "proxies")
ZTUNNEL = tuple(source for source in Source if source.value.folder == "ztunnel")
OF_PROXY = (Source.ISTIOD_CONFIG_DUMP, Source.ISTIOD_EDSZ, Source.ISTIOD_NDSZ)
CONTROLZ = ("env", "mem", "proc", "scope", "version")
NEEDS_PROXY = frozenset({"config_dump", "edsz", "ndsz", "ecdsz", "sidecarz"})
"""Pages about one proxy; asked with one, or not at all."""
ACTS = frozenset({"force_disconnect", "pprof"})
"""Pages that act on istiod or cost it much; so do all that the listing shows with parameters."""
PAGES = (
    "adsz", "authorizationz", "cachez", "clusterz", "configz", "connections", "endpointz", "endpointShardz",
    "inject", "instancesz", "mcsz", "mesh", "networkz", "push_status", "registryz", "resourcesz", "telemetryz",
)  # fmt: skip
"""Asked of an istiod that does not list its pages (pilot/pkg/xds/debug.go)."""
MONITORING = 15014
_PAGE = re.compile(r"[A-Za-z0-9_-]{1,60}")
_PROXY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,400}")


@dataclass(slots=True)
class Known:
    """What an istiod says of itself before it is asked for the rest: its pages, the proxies connected to it."""

    pages: list[str] = field(default_factory=list)
    proxies: list[str] = field(default_factory=list)
    version: str = ""


def pages(listing: Reply | None) -> list[str]:
    """The debug pages to ask for, of the page `list`."""
    if listing is None:
        return list(PAGES)
    try:
        found = decode(listing.body)
    except JSONError:
        return list(PAGES)
    names = [name for name in found if isinstance(name, str)] if isinstance(found, list) else []
    safe = (name for name in names if _PAGE.fullmatch(name) and name not in NEEDS_PROXY | ACTS)
    return [name for name in dict.fromkeys(safe) if name not in ("list", "syncz")]


def proxies(syncz: Reply | None) -> list[str]:
    """The ids (`pod.namespace`) of who is connected, of the page `syncz`."""
    try:
        rows = decode(syncz.body) if syncz else []
    except JSONError:
        rows = []
    ids = [row.get("proxy") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [name for name in dict.fromkeys(ids) if isinstance(name, str) and _PROXY_ID.fullmatch(name)]


class Tasks:
    """The tasks of a mesh's pods."""

    def __init__(self, servers: Servers, options: Options, places: Places) -> None:
        self._servers = servers
        self._places = places
        self._options = options
        self.known: dict[str, Known] = {}
        """What each istiod said first, by pod id; filled by `first`."""

    def first(self, istiod: Pod) -> Task:
        """Who is connected, and which pages there are."""
        version = of_pod(Source.ISTIOD_VERSION, istiod.namespace, istiod.name)
        listing = _debug(istiod, "list")
        syncz = of_pod(Source.ISTIOD_SYNCZ, istiod.namespace, istiod.name)

        known = self.known.setdefault(istiod.id, Known(list(PAGES)))

        def connected(reply: Reply | None) -> None:
            known.proxies = [name for name in proxies(reply) if self._in_scope(name)]

        def listed(reply: Reply | None) -> None:
            known.pages = pages(reply)

        def told(reply: Reply | None) -> None:
            known.version = reply.body[:200].decode("ascii", "replace") if reply else ""

        def work(desk: Desk) -> None:
            self._ask(desk, istiod, version, told)
            self._ask(desk, istiod, syncz, connected)
            self._ask(desk, istiod, listing, listed)

        return Task([version, syncz, listing], work, places=_places(istiod))

    def rest(self, istiod: Pod) -> Task:
        """An istiod's other pages."""
        asks = [_debug(istiod, page) for page in self.known[istiod.id].pages]
        place = (istiod.namespace, istiod.name)
        asks.append(of_pod(Source.ISTIOD_METRICS, *place))
        asks += [of_pod(Source.ISTIOD_CONTROLZ, *place, item, name=f"controlz/{item}.json") for item in CONTROLZ]
        asks = self._chosen(asks)
        ready = self._chosen([of_pod(Source.ISTIOD_READY, *place)])

        def work(desk: Desk) -> None:
            for ask in asks:
                self._ask(desk, istiod, ask)
            for ask in ready:
                (self._ready if istiod.answers else self._ask)(desk, istiod, ask)

        return Task([*asks, *ready], work, places=_places(istiod))

    def proxy(self, name: str, pod: Pod | None, istiods: list[Pod]) -> Task:
        """One proxy: istiod's account of it and its own, back to back; `pod` is None where only istiod knows it."""
        told = [istiod for istiod in istiods if name in self.known.get(istiod.id, Known()).proxies]
        accounts = [(istiod, self._of(istiod, source, name)) for source in OF_PROXY for istiod in told]
        own = [(pod, of_pod(source, pod.namespace, pod.name)) for source in ENVOY] if pod else []
        pair = accounts[: len(told)] + own[:1]
        asks = [(who, ask) for who, ask in pair + accounts[len(told) :] + own[1:] if self._options.wanted(ask.path)]

        def work(desk: Desk) -> None:
            for who, ask in asks:
                self._ask(desk, who, ask)
            if pod:
                self._servers.hang_up(pod)

        return Task([ask for _, ask in asks], work, places=_places(pod) if pod else ())

    def ztunnel(self, pod: Pod) -> Task:
        """One ztunnel."""
        asks = self._chosen([of_pod(source, pod.namespace, pod.name) for source in ZTUNNEL])

        def work(desk: Desk) -> None:
            for ask in asks:
                self._ask(desk, pod, ask)
            self._servers.hang_up(pod)

        return Task(asks, work, places=_places(pod))

    def _chosen(self, asks: list[Ask]) -> list[Ask]:
        return [ask for ask in asks if self._options.wanted(ask.path)]

    def _in_scope(self, name: str) -> bool:
        return self._options.in_scope(name.rpartition(".")[2])

    def _of(self, istiod: Pod, source: Source, name: str) -> Ask:
        ask = of_pod(source, istiod.namespace, istiod.name, name)
        version = self.known[istiod.id].version or istiod.version
        if source is Source.ISTIOD_CONFIG_DUMP and dangers.loses_keys(version):
            return replace(ask, request=dangers.narrowed(ask.request))
        return ask

    def _ask(self, desk: Desk, pod: Pod, ask: Ask, then: Callable[[Reply | None], None] = lambda _: None) -> None:
        """Ask, and hand in; `then` is told the answer, now or when it comes at the end."""
        if not pod.answers:
            desk.hand_in(ask.gap(f"container {pod.agent} is not running, the pod is {pod.phase or 'of no phase'}"))
            return then(None)
        places = (*_places(pod), ask.target)
        outcome: Outcome | None = None
        if not desk.probing and (silent := next((why for place in places if (why := self._places.silent(place))), "")):
            outcome = Passing(ask.path, ask.target, ask.request, 0, silent)
        else:
            outcome = desk.attempt(ask, lambda: self._servers.ask(pod, ask))
        if not desk.put_off(ask, outcome, lambda again: self._ask(again, pod, ask, then), places):
            then(desk.settle(_checked(_named(outcome)) if isinstance(outcome, Asked) else outcome, instead_of=ask))
        return None

    def _ready(self, desk: Desk, istiod: Pod, ask: Ask) -> None:
        """Port 8080; where istiod has none, or nothing there, the monitoring port."""
        outcome = desk.attempt(ask, lambda: self._servers.ask(istiod, ask))
        if not isinstance(outcome, Asked) or outcome.reply.status == 404:
            other = replace(ask, target=f"{ask.target.rpartition(':')[0]}:{MONITORING}")
            second = desk.attempt(other, lambda: self._servers.ask(istiod, other))
            outcome = second if isinstance(second, Asked) else outcome
        if not desk.put_off(ask, outcome, lambda again: self._ready(again, istiod, ask), _places(istiod)):
            desk.settle(outcome)


def _places(pod: Pod) -> tuple[str, ...]:
    return (node_of(pod),) if pod.node else ()


def _debug(istiod: Pod, page: str) -> Ask:
    return of_pod(Source.ISTIOD_DEBUG, istiod.namespace, istiod.name, page, name=f"debug/{page}.json")


def _checked(asked: Asked) -> Outcome:
    """An account without resources is none: nothing in it must look missing."""
    if dangers.is_narrowed(asked.ask.request) and asked.reply.good and b'"configs"' not in asked.reply.body:
        return asked.ask.gap("this istiod does not answer for single types, and asked for all it may lose private keys")
    return asked


def _named(asked: Asked) -> Asked:
    """A page that is not an object or array in JSON has a name of text."""
    path = asked.ask.path
    page = asked.reply.good and "/debug/" in path
    if page and path.count("/") == 4 and asked.reply.body.lstrip()[:1] not in (b"{", b"["):
        return replace(asked, ask=replace(asked.ask, path=path.removesuffix(".json") + ".txt"))
    return asked
