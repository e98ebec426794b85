"""A route to a cluster that the proxy does not have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy, Resource
from bugbundle.mesh.config.envoys import lacking, names, ports_of
from bugbundle.mesh.facts import RouteTarget
from bugbundle.mesh.kinds import GRPC_ROUTE, HTTP_ROUTE
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.rules.model import Evidence, Level, rule


class Use(NamedTuple):
    """One proxy's route to a cluster that it lacks."""

    proxy: Proxy
    resource: Resource
    target: RouteTarget


@rule(
    "BB301",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.ENVOY_CONFIG_DUMP},
    explains={"BB750"},
    message="route {route} sends to cluster {cluster}, which {proxies} not received",
)
def route_to_missing_cluster(mesh: Mesh) -> Iterator[Evidence]:
    """A route (RDS, or one inside a listener) names a cluster that CDS did not deliver to the same proxy.

    ## Why it matters
    Envoy answers such requests with 503 and the response flag NC (cluster not found).

    ## What to do
    Look for a DestinationRule subset that is not defined (or was deleted before the VirtualService that uses it), a
    port that the Service does not have, or a host outside of the Sidecar's egress. Create what is missing or correct
    the route.
    """
    groups: dict[tuple[str, Ref | None], list[Use]] = {}
    for proxy in mesh.proxies:
        found = names(proxy)
        for resource, target in lacking(proxy):
            if found and not _phantom(mesh, target, found.clusters):
                groups.setdefault((target.cluster, _maker(mesh, target)), []).append(Use(proxy, resource, target))
    for (cluster, made), members in groups.items():
        yield _evidence(cluster, made, members)


def _maker(mesh: Mesh, target: RouteTarget) -> Ref | None:
    """The Istio object that made a route.

    Of the Gateway API it is the route's name that tells: `namespace.name.rule`, while the configuration is an internal
    VirtualService (pilot/pkg/config/kube/gateway).
    """
    parts = target.route.split(".")
    for resource in (HTTP_ROUTE, GRPC_ROUTE):
        if len(parts) >= 3 and (found := mesh.kube.get(resource, parts[0], ".".join(parts[1:-1]))):
            return ref(found)
    return config_ref(target.config)


def _phantom(mesh: Mesh, target: RouteTarget, clusters: frozenset[str]) -> bool:
    """A route for a port that the host does not have, which nobody can be meant to call.

    istiod writes a virtual host of a VirtualService into every route configuration (one per port) that the proxy has,
    also where the host has no such port (pilot/pkg/networking/core/route, BuildSidecarVirtualHostWrapper).
    """
    parts = ClusterName(target.cluster)
    if not parts.host or not target.virtual_host.endswith(f":{parts.port}"):
        return False
    ports = ports_of(mesh, clusters).get(parts.host, ())
    return bool(ports) and parts.port not in ports


def _evidence(cluster: str, made: Ref | None, members: list[Use]) -> Evidence:
    first = members[0]
    parts = ClusterName(cluster)
    pods = tuple(dict.fromkeys(ref(one.proxy) for one in members))
    route = first.target.route or first.target.virtual_host or first.resource.name
    host = f" of {first.target.virtual_host}" if first.target.virtual_host else ""
    others: list[Ref] = [one for one in (made, parts.service) if one]
    text = f"cluster {cluster} in {first.resource.kind.name} {first.resource.name}"
    return Evidence(
        origin=made or pods[0],
        values={
            "route": f"{route}{host}",
            "cluster": cluster,
            "proxies": f"{pods[0].name}.{pods[0].namespace} has" if len(pods) == 1 else f"{len(pods)} proxies have",
        },
        objects=(*others, *pods),
        proofs=(Proof(first.resource.pointer, text),),
        affects=tuple(dict.fromkeys(one.proxy.id for one in members)),
    )
