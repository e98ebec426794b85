"""A cluster without an endpoint to send to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy, Resource
from bugbundle.mesh.columns import Column
from bugbundle.mesh.config.envoys import names, shaping, uses
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.facts import EndpointFacts
from bugbundle.mesh.kinds import SERVICE, SERVICE_ENTRY
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.xds import Xds


@dataclass(slots=True)
class Empty:
    """A cluster that some proxies see without healthy endpoints, while no proxy sees it with any."""

    proxies: list[Proxy] = field(default_factory=list)
    first: Resource | None = None
    unhealthy: int = 0
    config: str = ""


@rule(
    "BB302",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ENVOY_CONFIG_DUMP},
    optional={"services", "pods"},
    explains={"BB750"},
    message="no healthy endpoint for {clusters} in {proxies}{why}",
)
def no_healthy_endpoints(mesh: Mesh) -> Iterator[Evidence]:
    """Every proxy that knows a cluster's endpoints (EDS) has none healthy, though there are pods for it.

    A Service that selects no pods at all, or has no selector, is told as Info: it may be meant so.

    ## Why it matters
    Envoy answers requests to it with 503 and the response flag UH (no healthy upstream).

    ## What to do
    Look at the Service's selector and targetPort, at the readiness of its pods, and at the labels of the subset.
    """
    quiet: dict[str, list[Ref]] = {}
    loud: dict[tuple[Ref, str], list[tuple[str, Empty]]] = {}
    entries = _service_entries(mesh)
    for name, found in sorted(_empty(mesh).items()):
        parts = ClusterName(name)
        owner = parts.service or entries.get(parts.host)
        if owner is None or parts.direction != "outbound":
            continue
        why = _why(mesh, parts, found)
        if why:
            loud.setdefault((owner, why), []).append((name, found))
        elif owner not in quiet.setdefault(owner.namespace, []):
            quiet[owner.namespace].append(owner)
    for (owner, why), members in loud.items():
        yield _loud(owner, why, members)
    for namespace, owners in quiet.items():
        yield _quiet(namespace, owners)


def _loud(owner: Ref, why: str, members: list[tuple[str, Empty]]) -> Evidence:
    clusters = [name for name, _ in members]
    proxies = list(dict.fromkeys(proxy for _, found in members for proxy in found.proxies))
    routes = [made for _, found in members if (made := config_ref(found.config))]
    first = members[0][1]
    return Evidence(
        origin=owner,
        values={"clusters": _some("cluster", clusters), "proxies": _count(proxies), "why": why},
        objects=(*routes, *(ref(proxy) for proxy in proxies[:20])),
        proofs=(Proof(first.first.pointer, f"{first.unhealthy} endpoints, none healthy"),) if first.first else (),
        affects=tuple(proxy.id for proxy in proxies),
    )


def _quiet(namespace: str, owners: list[Ref]) -> Evidence:
    hosts = _some("host", [str(owner) for owner in owners])
    return Evidence(
        origin=owners[0] if len(owners) == 1 else Ref("Namespace", "", namespace),
        values={
            "clusters": hosts,
            "proxies": "any proxy",
            "why": ": no pods stand behind it, or its name was not resolved",
        },
        objects=tuple(owners),
        level=Level.INFO,
        confidence=Confidence.LIKELY,
    )


def _some(word: str, names: list[str]) -> str:
    return f"{word} {names[0]}" if len(names) == 1 else f"{len(names)} {word}s ({names[0]}, …)"


def _service_entries(mesh: Mesh) -> dict[str, Ref]:
    """host → ServiceEntry."""
    return {host: ref(item) for item in mesh.kube.list(SERVICE_ENTRY) for host in texts_of(item.spec.get("hosts"))}


def _empty(mesh: Mesh) -> dict[str, Empty]:
    """Clusters without healthy endpoints anywhere."""
    served: set[str] = set()
    found: dict[str, Empty] = {}
    seen: set[Column] = set()
    for proxy in mesh.proxies:
        known = names(proxy)
        if proxy.dump is None or known is None:
            continue
        column = proxy.dump.column(Xds.EDS)
        alive, dead = _health(column)
        if column not in seen:
            seen.add(column)
            served |= alive
        for name in dead:
            if name in known.clusters:
                one = found.setdefault(name, Empty())
                one.proxies.append(proxy)
                one.first = one.first or proxy.dump.find(Xds.EDS, name)
    for name in served & found.keys():
        del found[name]
    _routes(mesh, found)
    return found


@once
def _health(column: Column) -> tuple[frozenset[str], tuple[str, ...]]:
    """(names with a healthy endpoint, names with none) of an EDS column."""
    hosts = [(one.name, getattr(column.facts(one), "hosts", ())) for one in column.contents]
    healthy = [any(host.health in ("HEALTHY", "UNKNOWN") for host in found) for _, found in hosts]
    alive = frozenset(name for (name, _), fine in zip(hosts, healthy, strict=True) if fine)
    return alive, tuple(name for (name, _), fine in zip(hosts, healthy, strict=True) if not fine)


def _routes(mesh: Mesh, found: dict[str, Empty]) -> None:
    """Which Istio object routes to them; how many endpoints they have."""
    for name, one in found.items():
        facts = one.first.facts() if one.first else None
        one.unhealthy = len(facts.hosts) if isinstance(facts, EndpointFacts) else 0
        for resource in shaping(one.proxies[0]):
            for target in uses(resource).targets.get(name, ()):
                one.config = one.config or target.config


def _why(mesh: Mesh, parts: ClusterName, found: Empty) -> str:
    """Why that is wrong; empty where it may be meant so."""
    service = parts.service
    known = mesh.kube.get(SERVICE, service.namespace, service.name) if service else None
    pods = index(mesh).pods_of(known) if known else []
    if found.unhealthy:
        return f": all {found.unhealthy} are unhealthy"
    if parts.subset and pods:
        return f": subset {parts.subset} selects none"
    if pods:
        return f" though {service} selects {len(pods)} {'pod' if len(pods) == 1 else 'pods'}"
    return ""


def _count(proxies: list[Proxy]) -> str:
    return proxies[0].id if len(proxies) == 1 else f"{len(proxies)} proxies"
