"""What an EnvoyFilter's match finds in one proxy: a way through stages, and the stage at which nothing is left.

Sources: pilot/pkg/networking/core/envoyfilter/{listener_patch,rc_patch,cluster_patch}.go and
pilot/pkg/model/envoyfilter.go (`proxyMatch`). Names are compared as they stand: old names of filters fit nothing
since 1.14.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from bugbundle.mesh import Proxy
from bugbundle.mesh.facts import ChainFacts, ClusterFacts, ListenerFacts, NetworkFilter, RouteFacts
from bugbundle.mesh.kube import as_dict, as_text, texts
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.xds import Xds

LISTENERS = frozenset({"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"})
ROUTES = frozenset({"ROUTE_CONFIGURATION", "VIRTUAL_HOST", "HTTP_ROUTE"})
VIRTUAL = ("virtualInbound", "virtualOutbound")
LIVE = frozenset({"static", "dynamic_active", "dynamic_warming", "flat"})


class Outcome(NamedTuple):
    """`stage`: empty where the match fits, else what it failed at; `wanted` and what is `there` instead."""

    stage: str
    wanted: str = ""
    there: tuple[str, ...] = ()


class Candidate(NamedTuple):
    """One thing that a patch may change."""

    listener: ListenerFacts
    chain: ChainFacts | None = None
    network: NetworkFilter | None = None
    http: str = ""


FITS = Outcome("")


def context_of(proxy: Proxy, facts: ListenerFacts | RouteFacts | ClusterFacts) -> str:
    """GATEWAY, WAYPOINT, SIDECAR_INBOUND or SIDECAR_OUTBOUND."""
    if proxy.kind != "sidecar":
        return proxy.kind.upper()
    inbound = isinstance(facts, ListenerFacts) and facts.direction == "INBOUND"
    inbound = inbound or (isinstance(facts, (RouteFacts, ClusterFacts)) and facts.name.startswith("inbound|"))
    return "SIDECAR_INBOUND" if inbound else "SIDECAR_OUTBOUND"


def takes(entry: dict[str, Any], proxy: Proxy, version: str) -> Outcome:
    """Whether `match.proxy` admits a proxy: its version, its metadata."""
    wanted = as_dict(as_dict(entry.get("match")).get("proxy"))
    pattern = as_text(wanted.get("proxyVersion"))
    if pattern and version:
        try:
            if not re.search(pattern, version):
                return Outcome("proxy version", pattern, (version,))
        except re.error:
            return FITS
    for key, value in texts(wanted.get("metadata")).items():
        if proxy.metadata and proxy.metadata.get(key) != value:
            return Outcome(f"proxy metadata {key}", value, (str(proxy.metadata.get(key, "absent")),))
    return FITS


def look(entry: dict[str, Any], proxy: Proxy) -> Outcome:
    """What the match of one patch finds in a proxy whose dump can be read."""
    target = as_text(entry.get("applyTo"))
    match = as_dict(entry.get("match"))
    wanted = as_text(match.get("context")) or "ANY"
    if target in LISTENERS:
        found = [f for f in _facts(proxy, Xds.LDS) if isinstance(f, ListenerFacts) and f.name]
        near = [one for one in found if wanted in ("ANY", context_of(proxy, one))]
        return _listener(target, as_dict(match.get("listener")), near) if near else _context(proxy, wanted)
    if target in ROUTES:
        tables = [t for t in _tables(proxy) if wanted in ("ANY", context_of(proxy, t[0]))]
        return (
            _routes(target, as_dict(match.get("routeConfiguration")), tables, proxy)
            if tables
            else _context(proxy, wanted)
        )
    if target == "CLUSTER":
        clusters = [f for f in _facts(proxy, Xds.CDS) if isinstance(f, ClusterFacts)]
        near_clusters = [one for one in clusters if wanted in ("ANY", context_of(proxy, one))]
        return _clusters(as_dict(match.get("cluster")), near_clusters) if near_clusters else _context(proxy, wanted)
    return FITS


def _context(proxy: Proxy, wanted: str) -> Outcome:
    has = "SIDECAR_INBOUND, SIDECAR_OUTBOUND" if proxy.kind == "sidecar" else proxy.kind.upper()
    return Outcome("context", wanted, (has,))


def _facts(proxy: Proxy, kind: Xds) -> Iterator[object]:
    for resource in proxy.dump.resources(kind) if proxy.dump else ():
        if resource.section in LIVE and resource.has_body:
            yield resource.facts()


def _tables(proxy: Proxy) -> list[tuple[RouteFacts, ListenerFacts | None]]:
    found: list[tuple[RouteFacts, ListenerFacts | None]] = [
        (facts, None) for facts in _facts(proxy, Xds.RDS) if isinstance(facts, RouteFacts)
    ]
    for facts in _facts(proxy, Xds.LDS):
        if isinstance(facts, ListenerFacts):
            found += [(table, facts) for chain in facts.chains for table in chain.tables]
    return found


Found = tuple[Outcome, list[Candidate]]


def _keep(
    stage: str,
    wanted: str,
    before: list[Candidate],
    fits: Callable[[Candidate], bool],
    shown: Callable[[Candidate], Iterable[str]],
) -> Found:
    """One stage: what is left, or the outcome where nothing is."""
    after = [one for one in before if fits(one)]
    if after or not wanted:
        return FITS, after if wanted else before
    return Outcome(stage, wanted, tuple(dict.fromkeys(text for one in before for text in shown(one) if text))), []


def _listener(target: str, match: dict[str, Any], found: list[ListenerFacts]) -> Outcome:
    chain = as_dict(match.get("filterChain"))
    near = [Candidate(one) for one in found]
    name, port = as_text(match.get("name")), match.get("portNumber")
    out, near = _keep("listener", name, near, lambda c: c.listener.name == name, lambda c: (c.listener.name,))
    if out.stage:
        return out
    if isinstance(port, int) and port:
        out, near = _keep("port", str(port), near, lambda c: _on_port(target, c.listener, port), _ports)
        if out.stage:
            return out
    wanted = as_text(match.get("listenerFilter"))
    out, near = _keep(
        "listener filter", wanted, near, lambda c: wanted in c.listener.filters, lambda c: c.listener.filters
    )
    if out.stage or target in ("LISTENER", "LISTENER_FILTER"):
        return out
    near = [c._replace(chain=one) for c in near for one in c.listener.chains]
    if isinstance(port, int) and port:
        near = [c for c in near if c.listener.name not in VIRTUAL or (c.chain and c.chain.port == port)]
    return _chain(target, chain, near)


def _on_port(target: str, listener: ListenerFacts, port: int) -> bool:
    """listenerMatch and filterChainMatch: of the two virtual listeners the chains tell the port."""
    if target != "LISTENER" and listener.name in VIRTUAL:
        return any(chain.port == port for chain in listener.chains)
    return listener.port == port


def _ports(candidate: Candidate) -> list[str]:
    listener = candidate.listener
    if listener.name in VIRTUAL:
        return [str(chain.port) for chain in listener.chains if chain.port]
    return [str(listener.port)] if listener.port else []


def _chain(target: str, match: dict[str, Any], near: list[Candidate]) -> Outcome:
    name, sni = as_text(match.get("name")), as_text(match.get("sni"))
    transport, port = as_text(match.get("transportProtocol")), match.get("destinationPort")
    alpn = [one for one in as_text(match.get("applicationProtocols")).split(",") if one]
    stages: list[tuple[str, str, Callable[[ChainFacts], bool], Callable[[ChainFacts], Iterable[str]]]] = [
        ("filter chain", name, lambda c: c.name == name, lambda c: (c.name,)),
        ("SNI", sni, lambda c: sni in c.server_names, lambda c: c.server_names),
        ("transport protocol", transport, lambda c: c.transport == transport, lambda c: (c.transport,)),
        ("application protocols", ",".join(alpn), lambda c: set(alpn) <= set(c.alpn), lambda c: c.alpn),
        (
            "destination port",
            str(port or ""),
            lambda c: c.port == port,
            lambda c: (str(c.port),) if c.port else (),
        ),
    ]
    for stage, wanted, fits, shown in stages:
        out, near = _keep(
            stage,
            wanted,
            near,
            lambda c, fits=fits: c.chain is not None and fits(c.chain),  # type: ignore[misc]
            lambda c, shown=shown: shown(c.chain) if c.chain else (),  # type: ignore[misc]
        )
        if out.stage:
            return out
    if target == "FILTER_CHAIN":
        return FITS if near else Outcome("filter chain", "any", ())
    return _filters(target, as_dict(match.get("filter")), near)


def _filters(target: str, match: dict[str, Any], near: list[Candidate]) -> Outcome:
    near = [c._replace(network=one) for c in near if c.chain for one in c.chain.network]
    name = as_text(match.get("name"))
    out, near = _keep(
        "filter",
        name,
        near,
        lambda c: bool(c.network and c.network.name == name),
        lambda c: (c.network.name,) if c.network else (),
    )
    if out.stage or target == "NETWORK_FILTER":
        return out
    near = [c for c in near if c.network and c.network.http]
    if not near:
        return Outcome("filter", name or "an HTTP connection manager", ())
    sub = as_text(as_dict(match.get("subFilter")).get("name"))
    out, _ = _keep(
        "sub-filter",
        sub,
        [c._replace(http=one) for c in near if c.network for one in c.network.http],
        lambda c: c.http == sub,
        lambda c: (c.http,),
    )
    return out


def _routes(
    target: str, match: dict[str, Any], tables: list[tuple[RouteFacts, ListenerFacts | None]], proxy: Proxy
) -> Outcome:
    near = [table for table, _ in tables]
    port, name = match.get("portNumber"), as_text(match.get("name"))
    gateway, port_name = as_text(match.get("gateway")), as_text(match.get("portName"))
    stages: list[tuple[str, str, Callable[[RouteFacts], bool]]] = [
        ("route configuration", name, lambda t: t.name == name),
        ("port", str(port or ""), lambda t: proxy.kind == "gateway" or _port_of(t.name) == port),
        (
            "gateway",
            gateway,
            lambda t: proxy.kind != "gateway" or t.name.endswith("." + ".".join(reversed(gateway.split("/")))),
        ),
        ("port name", port_name, lambda t: proxy.kind != "gateway" or port_name in t.name.split(".")),
    ]
    for stage, wanted, fits in stages:
        after = [t for t in near if not wanted or fits(t)]
        if not after:
            return Outcome(stage, wanted, tuple(dict.fromkeys(t.name for t in near)))
        near = after
    if target == "ROUTE_CONFIGURATION":
        return FITS
    return _virtual_hosts(target, as_dict(match.get("vhost")), near)


def _port_of(name: str) -> int | None:
    """The port of a sidecar's route configuration: `9080`, `inbound|9080||`, else none."""
    if name.startswith("inbound|"):
        return ClusterName(name).port
    return int(name) if name.isdigit() else None


def _virtual_hosts(target: str, match: dict[str, Any], tables: list[RouteFacts]) -> Outcome:
    name = as_text(match.get("name"))
    hosts = [host for table in tables for host, _ in table.virtual_hosts]
    if name and name not in hosts:
        return Outcome("virtual host", name, tuple(dict.fromkeys(hosts)))
    if target == "VIRTUAL_HOST":
        return FITS
    wanted = as_dict(match.get("route"))
    route, action = as_text(wanted.get("name")), as_text(wanted.get("action"))
    near = [one for table in tables for one in table.routes if not name or one.virtual_host == name]
    if route and route not in {one.name for one in near}:
        return Outcome("route", route, tuple(dict.fromkeys(one.name for one in near if one.name)))
    if action not in ("", "ANY") and not any(one.action == action for one in near if not route or one.name == route):
        return Outcome("route action", action, tuple(dict.fromkeys(one.action for one in near if one.action)))
    return FITS


def _clusters(match: dict[str, Any], clusters: list[ClusterFacts]) -> Outcome:
    """clusterMatch: by name, else by host, subset and port of the name."""
    name = as_text(match.get("name"))
    if name:
        there = tuple(dict.fromkeys(one.name for one in clusters))
        return FITS if name in there else Outcome("cluster", name, there)
    host, subset, port = as_text(match.get("service")), as_text(match.get("subset")), match.get("portNumber")
    near = [ClusterName(one.name) for one in clusters]
    for stage, wanted, shown in (
        ("service", host, [one.host for one in near]),
        ("subset", subset, [one.subset for one in near if not host or one.host == host]),
        ("port", str(port or ""), [str(one.port) for one in near if not host or one.host == host]),
    ):
        if wanted and wanted not in shown:
            return Outcome(stage, wanted, tuple(dict.fromkeys(text for text in shown if text)))
    return FITS
