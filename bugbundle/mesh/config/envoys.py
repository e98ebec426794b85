"""What each Envoy has, worked out of distinct contents: a thousand proxies cost little more than one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.mesh import Mesh, Proxy, Resource
from bugbundle.mesh.columns import Column
from bugbundle.mesh.fact_table import FactTable
from bugbundle.mesh.facts import ClusterFacts, Facts, ListenerFacts, RouteFacts, RouteTarget
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.xds import Xds

LIVE = {Xds.LDS: ("static", "dynamic_active", "flat"), Xds.RDS: ("dynamic_active", "flat")}
"""Sections in use. Static route configurations are the inline ones of listeners, also of draining ones."""


class Names(NamedTuple):
    """One Envoy: the clusters it has (warming ones too), and its live listeners and route configurations."""

    clusters: frozenset[str]
    live: dict[Xds, Column]


class Uses(NamedTuple):
    """What one listener or route configuration sends to: cluster → targets; and whether it was read."""

    targets: dict[str, list[RouteTarget]]
    names: frozenset[str]


NOTHING = Uses({}, frozenset())


@once
def names(proxy: Proxy) -> Names | None:
    """What an Envoy has; None where its dump was not recorded or cannot be read."""
    dump = proxy.dump
    if dump is None or dump.problem:
        return None
    return Names(dump.column(Xds.CDS).names, {kind: dump.column(kind, *live) for kind, live in LIVE.items()})


def shaping(proxy: Proxy) -> Iterator[Resource]:
    """The live listeners and route configurations of an Envoy; none where its dump cannot be read."""
    for kind in LIVE if proxy.dump else ():
        yield from _shaping(proxy, kind)


def _shaping(proxy: Proxy, kind: Xds) -> Iterator[Resource]:
    found = proxy.dump.resources(kind) if proxy.dump else ()
    return (one for one in found if one.section in LIVE[kind])


def lacking(proxy: Proxy) -> Iterator[tuple[Resource, RouteTarget]]:
    """(listener or route configuration, its first target) for each cluster that it sends to and the Envoy lacks."""
    known = names(proxy)
    for kind, column in known.live.items() if known else ():
        if known and _lacks_any(column, known.clusters):
            for resource in _shaping(proxy, kind):
                used = uses(resource)
                yield from ((resource, used.targets[cluster][0]) for cluster in used.names - known.clusters)


@once
def _lacks_any(column: Column, clusters: frozenset[str]) -> bool:
    """Whether listeners or route configurations send to a cluster that is not among these."""
    known = _known_uses(column.table)
    for one in column.contents:
        if one.meaning not in known:
            known[one.meaning] = _uses(column.facts(one))
    return not all(known[one.meaning].names <= clusters for one in column.contents)


def uses(resource: Resource) -> Uses:
    """The clusters that a listener or a route configuration sends to; remembered under its content."""
    known = _known_uses(resource.table)
    if resource.meaning not in known:
        known[resource.meaning] = _uses(resource.facts())
    return known[resource.meaning]


@once
def _known_uses(table: FactTable) -> dict[bytes, Uses]:
    """meaning → uses, filled as they are asked for."""
    return {}


def _uses(facts: Facts) -> Uses:
    targets: dict[str, list[RouteTarget]] = {}
    for target in _targets(facts):
        if target.cluster and target.weight != 0:
            targets.setdefault(target.cluster, []).append(target)
    return Uses(targets, frozenset(targets)) if targets else NOTHING


@once
def ports_of(mesh: Mesh, clusters: frozenset[str]) -> dict[str, set[int]]:
    """host → the ports that a set of clusters has for it; most proxies share a few sets."""
    found: dict[str, set[int]] = {}
    for name in clusters:
        parts = ClusterName(name)
        if parts.host:
            found.setdefault(parts.host, set()).add(parts.port)
    return found


def _targets(facts: Facts) -> Iterator[RouteTarget]:
    if isinstance(facts, RouteFacts):
        yield from facts.targets
    elif isinstance(facts, ListenerFacts):
        for chain in facts.chains:
            yield from chain.targets


def shaper_of(proxy: Proxy, cluster: str) -> Ref | None:
    """The DestinationRule that shaped a cluster of a proxy; None where none did."""
    column = proxy.dump.column(Xds.CDS, "dynamic_active") if proxy.dump else None
    known = column.named.get(cluster) if column else None
    facts = column.facts(known) if column and known else None
    return config_ref(facts.config) if isinstance(facts, ClusterFacts) else None
