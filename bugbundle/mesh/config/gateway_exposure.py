"""What stands in front of a host: the Gateways that serve it, the VirtualServices and routes that are for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.envoys import shaping
from bugbundle.mesh.config.gateways import plain_hosts, selector_of
from bugbundle.mesh.config.hosts import host_matches, texts_of
from bugbundle.mesh.facts import RouteFacts
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.selectors import contains

GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name"
"""Of the pods that istiod makes for a Gateway of the Gateway API."""


class Door(NamedTuple):
    """A Gateway (Istio's or the Gateway API's) and the hosts that it serves."""

    gateway: KubeObject
    hosts: tuple[str, ...]


def doors(mesh: Mesh) -> Iterator[Door]:
    """Every Gateway."""
    for item in mesh.kube.list(res.GATEWAY):
        yield Door(item, tuple(host for server in dicts(item.spec.get("servers")) for host in plain_hosts(server)))
    for item in mesh.kube.list(res.K8S_GATEWAY):
        listeners = dicts(item.spec.get("listeners"))
        yield Door(item, tuple(as_text(one.get("hostname")) or "*" for one in listeners))


def stands_at(door: Door, proxy: Proxy) -> bool:
    """Whether a Gateway configures this proxy."""
    labels = proxy.pod.labels if proxy.pod else {}
    if "listeners" in door.gateway.spec:
        return (proxy.namespace, labels.get(GATEWAY_NAME)) == (door.gateway.namespace, door.gateway.name)
    wanted = selector_of(door.gateway)
    return bool(wanted) and contains(labels, wanted)


def serves(door: Door, host: str) -> bool:
    """Whether it has a server for the host, by name or by a wildcard."""
    return any(host_matches(one, host) for one in door.hosts)


def bound(mesh: Mesh, door: Door) -> list[KubeObject]:
    """The VirtualServices that name a Gateway, the routes that name it as their parent."""
    own = (door.gateway.namespace, door.gateway.name)
    found = []
    for item in mesh.kube.list(res.VIRTUAL_SERVICE):
        named = [name.rpartition("/") for name in texts_of(item.spec.get("gateways"))]
        if "servers" in door.gateway.spec and own in {(space or item.namespace, name) for space, _, name in named}:
            found.append(item)
    for resource in (res.HTTP_ROUTE, res.GRPC_ROUTE, res.TLS_ROUTE):
        for item in mesh.kube.list(resource):
            parents = dicts(item.spec.get("parentRefs"))
            parents_of = {
                (as_text(one.get("namespace")) or item.namespace, as_text(one.get("name"))) for one in parents
            }
            if "listeners" in door.gateway.spec and own in parents_of:
                found.append(item)
    return found


def route_hosts(item: KubeObject) -> list[str]:
    """The hosts of a VirtualService or route; none for a route that takes what its listener serves."""
    return texts_of(item.spec.get("hosts")) + texts_of(item.spec.get("hostnames"))


def named_for(mesh: Mesh, host: str) -> list[KubeObject]:
    """The objects at a mesh's edge that have this very host."""
    found = [door.gateway for door in doors(mesh) if host in door.hosts]
    found += [item for item in mesh.kube.list(res.VIRTUAL_SERVICE) if _at_edge(item) and host in route_hosts(item)]
    for resource in (res.HTTP_ROUTE, res.GRPC_ROUTE, res.TLS_ROUTE):
        found += [item for item in mesh.kube.list(resource) if host in route_hosts(item)]
    return found


def _at_edge(item: KubeObject) -> bool:
    return any(name != "mesh" for name in texts_of(item.spec.get("gateways")))


def has_route(proxy: Proxy, host: str) -> bool:
    """Whether a proxy has a virtual host for a host: a request then failed for its path, not for its host."""
    tables = [resource.facts() for resource in shaping(proxy)]
    return any(
        host_matches(domain, host)
        for table in tables
        if isinstance(table, RouteFacts)
        for _, domains in table.virtual_hosts
        for domain in domains
        if domain != "*"
    )
