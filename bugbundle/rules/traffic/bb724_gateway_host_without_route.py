"""BB724: a gateway is asked for a host that somebody meant to serve there, and has no route for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.gateway_exposure import (
    Door,
    bound,
    doors,
    has_route,
    named_for,
    route_hosts,
    serves,
    stands_at,
)
from bugbundle.mesh.config.hosts import host_matches
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

FEWEST = 3


class Cause(NamedTuple):
    """Why there is no route: the object at fault, in words, and the other objects."""

    item: KubeObject
    text: str
    others: tuple[Ref, ...]


@rule(
    "BB724",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, Source.ENVOY_CONFIG_DUMP},
    optional={
        res.POD,
        res.CONFIG_MAP,
        res.GATEWAY,
        res.VIRTUAL_SERVICE,
        res.K8S_GATEWAY,
        res.HTTP_ROUTE,
        res.GRPC_ROUTE,
        res.TLS_ROUTE,
        res.SERVICE,
    },
    explains={"BB750", "IST0132"},
    message="{cause}: {requests} for {host} answered 404 at {proxies}",
)
def gateway_host_without_route(mesh: Mesh) -> Iterator[Evidence]:
    """Requests at a gateway find no route (NR) for a host that a Gateway or a VirtualService names.

    ## Why it matters
    Callers get 404. A Gateway opens the port and says which hosts may come; only a VirtualService (or route) for the
    same host that is bound to it says where they go.

    ## What to do
    Compare three names: the host in the Gateway's server, the host in the VirtualService (or HTTPRoute), and the
    Gateway that this names (`gateways`, as `namespace/name` where it lies elsewhere; or `parentRefs`).
    """
    groups: dict[str, list[Fault]] = defaultdict(list)
    for fault in failures(mesh).flagged(("NR",)):
        host = fault.authority.partition(":")[0] or fault.sni
        lost = fault.proxy.kind == "gateway" and fault.recent and not fault.cluster
        if lost and host and not has_route(fault.proxy, host):
            groups[host].append(fault)
    for host, found in groups.items():
        cause = _cause(mesh, host, found[-1].proxy)
        if cause is None or times(found) < FEWEST:
            continue
        proxies = list(dict.fromkeys(fault.proxy for fault in found))
        yield Evidence(
            ref(cause.item),
            {
                "cause": cause.text,
                "requests": some(times(found), "request"),
                "host": host,
                "proxies": proxies[0].id if len(proxies) == 1 else f"{len(proxies)} gateways",
            },
            objects=(*cause.others, *(ref(proxy) for proxy in proxies)),
            proofs=(Proof(cause.item.at("/spec"), cause.text), *(proof(fault) for fault in found[-2:])),
            affects=tuple(proxy.id for proxy in proxies),
            confidence=Confidence.LIKELY,
        )


def _cause(mesh: Mesh, host: str, proxy: Proxy) -> Cause | None:
    """The nearest miss: routes for the host that hang elsewhere, then a Gateway that has none for it."""
    here = [door for door in doors(mesh) if stands_at(door, proxy)]
    serving = [door for door in here if serves(door, host)]
    meant = [item for item in named_for(mesh, host) if not _is_gateway(item)]
    for item in meant:
        near = [door for door in here if item in bound(mesh, door)]
        if near and not any(serves(door, host) for door in near):
            text = f"{item} is for {host}, which its {near[0].gateway} does not serve ({_some(near[0].hosts)})"
            return Cause(item, text, (ref(near[0].gateway),))
        if serving and not near:
            text = f"{item} is for {host}, and is not bound to {serving[0].gateway}, which serves it"
            return Cause(item, text, (ref(serving[0].gateway),))
    named = next((door for door in serving if host in door.hosts), None)
    return _unrouted(mesh, host, named) if named else None


def _unrouted(mesh: Mesh, host: str, door: Door) -> Cause:
    """A Gateway that serves the host by name; what is bound to it is for other hosts."""
    others = [item for item in bound(mesh, door) if not any(host_matches(one, host) for one in route_hosts(item))]
    text = f"{door.gateway} serves {host}, and no VirtualService or route for it is bound there"
    if others and not any(serves(door, one) for one in route_hosts(others[0])):
        text = f"{others[0]} is for {_some(tuple(route_hosts(others[0])))}, while its {door.gateway} serves {host}"
        return Cause(others[0], text, (ref(door.gateway),))
    return Cause(door.gateway, text, tuple(ref(item) for item in others[:5]))


def _is_gateway(item: KubeObject) -> bool:
    return item.kind == "Gateway"


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
