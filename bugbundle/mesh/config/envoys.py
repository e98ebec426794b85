"""What each Envoy has, as names: built from distinct contents, so that a thousand proxies cost little more than one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakKeyDictionary

from bugbundle.mesh import Mesh, Proxy, Resource
from bugbundle.mesh.facts import ClusterFacts, ListenerFacts, RouteFacts, RouteTarget
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.xds import Xds

LIVE = {Xds.LDS: frozenset({"static", "dynamic_active", "flat"}), Xds.RDS: frozenset({"dynamic_active", "flat"})}
"""Sections in use. Static route configurations are the inline ones of listeners, also of draining ones."""


class Names(NamedTuple):
    """One Envoy: the clusters it has (warming ones too), and its live listeners and route configurations."""

    clusters: frozenset[str]
    shaping: tuple[Resource, ...]


class Uses(NamedTuple):
    """What one listener or route configuration sends to: cluster → targets; and whether it was read."""

    targets: dict[str, list[RouteTarget]]
    names: frozenset[str]


_NAMES: WeakKeyDictionary[Proxy, Names] = WeakKeyDictionary()
_USES: WeakKeyDictionary[Mesh, dict[bytes, Uses]] = WeakKeyDictionary()
_PORTS: WeakKeyDictionary[Mesh, dict[frozenset[str], dict[str, set[int]]]] = WeakKeyDictionary()
NOTHING = Uses({}, frozenset())


def names(proxy: Proxy) -> Names | None:
    """What an Envoy has; None where its dump was not recorded or cannot be read."""
    if proxy.dump is None or proxy.dump.problem:
        return None
    found = _NAMES.get(proxy)
    if found is None:
        clusters = frozenset(one.name for one in proxy.dump.resources(Xds.CDS))
        shaping = tuple(one for kind, live in LIVE.items() for one in proxy.dump.resources(kind) if one.section in live)
        found = _NAMES[proxy] = Names(clusters, shaping)
    return found


def uses(mesh: Mesh, resource: Resource) -> Uses:
    """The clusters that a listener or a route configuration sends to; remembered under its content."""
    known = _USES.setdefault(mesh, {})
    if resource.meaning not in known:
        targets: dict[str, list[RouteTarget]] = {}
        for target in _targets(resource):
            if target.cluster and target.weight != 0:
                targets.setdefault(target.cluster, []).append(target)
        known[resource.meaning] = Uses(targets, frozenset(targets)) if targets else NOTHING
    return known[resource.meaning]


def ports_of(mesh: Mesh, clusters: frozenset[str]) -> dict[str, set[int]]:
    """host → the ports that a set of clusters has for it; most proxies share a few sets."""
    known = _PORTS.setdefault(mesh, {})
    if clusters not in known:
        found: dict[str, set[int]] = {}
        for name in clusters:
            parts = ClusterName(name)
            if parts.host:
                found.setdefault(parts.host, set()).add(parts.port)
        known[clusters] = found
    return known[clusters]


def _targets(resource: Resource) -> Iterator[RouteTarget]:
    facts = resource.facts()
    if isinstance(facts, RouteFacts):
        yield from facts.targets
    elif isinstance(facts, ListenerFacts):
        for chain in facts.chains:
            yield from chain.targets


def shaper_of(proxy: Proxy, cluster: str) -> Ref | None:
    """The DestinationRule that shaped a cluster of a proxy; None where none did."""
    known = proxy.dump.named(Xds.CDS).get(cluster) if proxy.dump else None
    facts = known.facts() if known else None
    return config_ref(facts.config) if isinstance(facts, ClusterFacts) else None
