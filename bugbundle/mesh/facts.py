"""What rules need of xDS resources, worked out once per distinct content.

Each kind has one dataclass and one function from the canonical body (snake_case names, defaults left out) to it.
A rule never walks a body: it asks `resource.facts()`. A new fact goes here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.xds import Xds

TLS = "envoy.extensions.transport_sockets.tls.v3."


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """CDS.

    `tls`: `istio` (mTLS of the mesh), `auto` (mTLS where the endpoint can), `tls` (other TLS), `` (plain);
    `service`: EDS name; `services`: (namespace, host) of those that it was made for, by istiod's metadata.
    """

    name: str
    type: str
    config: str
    tls: str
    sni: str
    sans: tuple[str, ...]
    secrets: tuple[str, ...]
    max_connections: int | None
    service: str = ""
    services: tuple[tuple[str, str], ...] = ()


class RouteTarget(NamedTuple):
    """A cluster that a route sends to: virtual host, route's name, and the Istio object that made it."""

    cluster: str
    virtual_host: str
    domains: tuple[str, ...]
    route: str
    config: str
    weight: int | None


class RouteName(NamedTuple):
    """A route by its virtual host and its name; `action` is `ROUTE`, `REDIRECT`, `DIRECT_RESPONSE` or empty."""

    virtual_host: str
    name: str
    action: str


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """RDS, or the routes inside a listener; `configs`: the Istio objects that made its routes."""

    name: str
    targets: tuple[RouteTarget, ...]
    virtual_hosts: tuple[tuple[str, tuple[str, ...]], ...]
    configs: tuple[str, ...] = ()
    routes: tuple[RouteName, ...] = ()


class NetworkFilter(NamedTuple):
    """A network filter of a chain; `http`: the HTTP filters inside it, where it is a connection manager."""

    name: str
    http: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """One filter chain.

    `transport` `tls` or `raw_buffer` as matched; `requires_cert`: a client certificate is needed; `network`: its
    filters in order; `tables`: routes that stand in the chain itself; `issuers`: of the JWTs that it takes;
    `shadow`: policies that are only tried (dry run, and those that ask an external authorizer).
    """

    name: str
    port: int | None
    transport: str
    alpn: tuple[str, ...]
    server_names: tuple[str, ...]
    tls: bool
    requires_cert: bool
    secrets: tuple[str, ...]
    rds: tuple[str, ...]
    targets: tuple[RouteTarget, ...]
    policies: tuple[str, ...]
    filters: tuple[str, ...]
    network: tuple[NetworkFilter, ...] = ()
    tables: tuple[RouteFacts, ...] = ()
    issuers: tuple[str, ...] = ()
    shadow: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListenerFacts:
    """LDS; `filters` are its listener filters."""

    name: str
    address: str
    port: int | None
    direction: str
    config: str
    chains: tuple[ChainFacts, ...]
    filters: tuple[str, ...] = ()


class Host(NamedTuple):
    """One endpoint.

    `health` HEALTHY, UNHEALTHY, DRAINING, …; `tls_mode` `istio`, `disabled` or ``; `workload` as sent."""

    address: str
    port: int | None
    health: str
    tls_mode: str
    workload: str


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """EDS."""

    name: str
    hosts: tuple[Host, ...]


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """SDS: certificates as base64 of PEM (public), never a key."""

    name: str
    chain: str
    ca: str


@dataclass(frozen=True, slots=True)
class BootstrapFacts:
    """Who a proxy says that it is: `node` as it stands in the dump, without its long list of `extensions`."""

    node: dict[str, Any]


Facts = ClusterFacts | RouteFacts | ListenerFacts | EndpointFacts | SecretFacts | BootstrapFacts | None


def cluster_facts(body: dict[str, Any]) -> ClusterFacts:
    """Of envoy.config.cluster.v3.Cluster."""
    contexts = list(_tls_contexts(body))
    best = next((name for name, _ in contexts if name == "istio"), "") or ("tls" if contexts else "")
    matches = dicts(body.get("transport_socket_matches"))
    tls = "auto" if matches and contexts else best
    context = contexts[0][1] if contexts else {}
    limits = dicts(as_dict(body.get("circuit_breakers")).get("thresholds"))
    return ClusterFacts(
        name=as_text(body.get("name")),
        type=as_text(body.get("type")) or "STATIC",
        config=istio_config(body),
        tls=tls,
        sni=as_text(context.get("sni")),
        sans=tuple(sans(context)),
        secrets=tuple(dict.fromkeys(name for _, found in contexts for name in secret_names(found))),
        max_connections=limits[0].get("max_connections") if limits else None,
        service=as_text(as_dict(body.get("eds_cluster_config")).get("service_name")),
        services=tuple((as_text(one.get("namespace")), as_text(one.get("host"))) for one in _services(body)),
    )


def route_facts(body: dict[str, Any]) -> RouteFacts:
    """Of envoy.config.route.v3.RouteConfiguration."""
    hosts = dicts(body.get("virtual_hosts"))
    domains = [tuple(map(str, as_list(host.get("domains")))) for host in hosts]
    return RouteFacts(
        name=as_text(body.get("name")),
        targets=tuple(t for host, names in zip(hosts, domains, strict=True) for t in _targets(host, names)),
        virtual_hosts=tuple((as_text(h.get("name")), names) for h, names in zip(hosts, domains, strict=True)),
        configs=tuple(dict.fromkeys(c for h in hosts for r in dicts(h.get("routes")) if (c := istio_config(r)))),
        routes=tuple(_route_name(host, route) for host in hosts for route in dicts(host.get("routes"))),
    )


def listener_facts(body: dict[str, Any], chains: tuple[ChainFacts, ...] | None = None) -> ListenerFacts:
    """Of envoy.config.listener.v3.Listener; `chains` where its filter chains have been looked at already."""
    address, port = _address(as_dict(body.get("address")))
    if chains is None:
        default = body.get("default_filter_chain")
        found = [*dicts(body.get("filter_chains")), *([default] if isinstance(default, dict) else [])]
        chains = tuple(map(chain_facts, found))
    return ListenerFacts(
        name=as_text(body.get("name")),
        address=address,
        port=port,
        direction=as_text(body.get("traffic_direction")),
        config=istio_config(body),
        chains=chains,
        filters=tuple(as_text(item.get("name")) for item in dicts(body.get("listener_filters"))),
    )


def endpoint_facts(body: dict[str, Any]) -> EndpointFacts:
    """Of envoy.config.endpoint.v3.ClusterLoadAssignment."""
    groups = dicts(body.get("endpoints"))
    hosts = [host for group in groups for host in dicts(group.get("lb_endpoints"))]
    return EndpointFacts(as_text(body.get("cluster_name")), tuple(map(_host, hosts)))


def bootstrap_facts(body: dict[str, Any]) -> BootstrapFacts:
    """Of envoy.config.bootstrap.v3.Bootstrap."""
    return BootstrapFacts(as_dict(body.get("node")))


def secret_facts(body: dict[str, Any]) -> SecretFacts:
    """Of envoy.extensions.transport_sockets.tls.v3.Secret."""
    certificate = as_dict(as_dict(body.get("tls_certificate")).get("certificate_chain"))
    trusted = as_dict(as_dict(body.get("validation_context")).get("trusted_ca"))
    return SecretFacts(
        as_text(body.get("name")),
        as_text(certificate.get("inline_bytes")),
        as_text(trusted.get("inline_bytes")),
    )


FACTS: dict[Xds, Callable[[dict[str, Any]], Facts]] = {
    Xds.CDS: cluster_facts,
    Xds.RDS: route_facts,
    Xds.LDS: listener_facts,
    Xds.EDS: endpoint_facts,
    Xds.SDS: secret_facts,
    Xds.BOOTSTRAP: bootstrap_facts,
}


_ACTIONS = {"route": "ROUTE", "redirect": "REDIRECT", "direct_response": "DIRECT_RESPONSE"}


def _route_name(host: dict[str, Any], route: dict[str, Any]) -> RouteName:
    action = next((word for field, word in _ACTIONS.items() if field in route), "")
    return RouteName(as_text(host.get("name")), as_text(route.get("name")), action)


def _services(body: dict[str, Any]) -> list[dict[str, Any]]:
    """`filter_metadata.istio.services` of a cluster."""
    metadata = as_dict(as_dict(body.get("metadata")).get("filter_metadata"))
    return dicts(as_dict(metadata.get("istio")).get("services"))


def istio_config(body: dict[str, Any]) -> str:
    """`metadata.filter_metadata.istio.config`: the API path of the Istio object that shaped it; empty if none."""
    metadata = as_dict(as_dict(body.get("metadata")).get("filter_metadata"))
    return as_text(as_dict(metadata.get("istio")).get("config"))


def _targets(host: dict[str, Any], domains: tuple[str, ...]) -> Iterator[RouteTarget]:
    for route in dicts(host.get("routes")):
        action = as_dict(route.get("route"))
        named = [(as_text(action.get("cluster")), None)] if action.get("cluster") else []
        weighted = dicts(as_dict(action.get("weighted_clusters")).get("clusters"))
        named += [(as_text(item.get("name")), item.get("weight", 0)) for item in weighted]
        named += [(as_text(item.get("cluster")), None) for item in dicts(action.get("request_mirror_policies"))]
        for cluster, weight in named:
            name = as_text(route.get("name"))
            yield RouteTarget(cluster, as_text(host.get("name")), domains, name, istio_config(route), weight)


def chain_facts(chain: dict[str, Any]) -> ChainFacts:
    """Of envoy.config.listener.v3.FilterChain."""
    match = as_dict(chain.get("filter_chain_match"))
    context = as_dict(as_dict(chain.get("transport_socket")).get("typed_config"))
    is_tls = as_text(context.get("@type")) == TLS + "DownstreamTlsContext"
    rds: list[str] = []
    targets: list[RouteTarget] = []
    policies: list[str] = []
    names: list[str] = []
    network: list[NetworkFilter] = []
    tables: list[RouteFacts] = []
    issuers: list[str] = []
    shadow: list[str] = []
    for item in dicts(chain.get("filters")):
        config = as_dict(item.get("typed_config"))
        names.append(as_text(item.get("name")))
        if config.get("rds"):
            rds.append(as_text(as_dict(config["rds"]).get("route_config_name")))
        inline = as_dict(config.get("route_config"))
        if inline:
            tables.append(route_facts(inline))
        targets.extend(tables[-1].targets if inline else _tcp_targets(config))
        network.append(NetworkFilter(as_text(item.get("name")), tuple(_http_filters(config))))
        issuers.extend(_issuers(config))
        for nested in (item, *dicts(config.get("http_filters"))):
            rules = as_dict(as_dict(as_dict(nested.get("typed_config")).get("rules")).get("policies"))
            policies.extend(rules)
            shadow.extend(as_dict(as_dict(as_dict(nested.get("typed_config")).get("shadow_rules")).get("policies")))
            if nested is not item:
                names.append(as_text(nested.get("name")))
    return ChainFacts(
        name=as_text(chain.get("name")),
        port=port if isinstance(port := match.get("destination_port"), int) else None,
        transport=as_text(match.get("transport_protocol")),
        alpn=tuple(map(str, as_list(match.get("application_protocols")))),
        server_names=tuple(map(str, as_list(match.get("server_names")))),
        tls=is_tls,
        requires_cert=bool(context.get("require_client_certificate")),
        secrets=tuple(secret_names(context)) if is_tls else (),
        rds=tuple(rds),
        targets=tuple(targets),
        policies=tuple(policies),
        filters=tuple(names),
        network=tuple(network),
        tables=tuple(tables),
        issuers=tuple(issuers),
        shadow=tuple(shadow),
    )


def _http_filters(config: dict[str, Any]) -> Iterator[str]:
    for item in dicts(config.get("http_filters")):
        yield as_text(item.get("name"))


def _issuers(config: dict[str, Any]) -> Iterator[str]:
    """The issuers of a connection manager's JWT providers."""
    for item in dicts(config.get("http_filters")):
        for provider in as_dict(as_dict(item.get("typed_config")).get("providers")).values():
            yield as_text(as_dict(provider).get("issuer"))


def _tcp_targets(config: dict[str, Any]) -> Iterator[RouteTarget]:
    """Of a tcp_proxy: one cluster or weighted ones."""
    names = [as_text(config.get("cluster"))] if isinstance(config.get("cluster"), str) else []
    weighted = dicts(as_dict(config.get("weighted_clusters")).get("clusters"))
    names += [as_text(item.get("name")) for item in weighted]
    for name in names:
        yield RouteTarget(name, "", (), "tcp", istio_config(config), None)


def _tls_contexts(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(`istio` or `tls`, UpstreamTlsContext) of a cluster's transport sockets."""
    sockets = [as_dict(body.get("transport_socket"))]
    sockets += [as_dict(item.get("transport_socket")) for item in dicts(body.get("transport_socket_matches"))]
    for socket in sockets:
        context = as_dict(socket.get("typed_config"))
        if as_text(context.get("@type")) == TLS + "UpstreamTlsContext":
            names = secret_names(context)
            yield ("istio" if {"default", "ROOTCA"} & set(names) else "tls"), context


def secret_names(context: dict[str, Any]) -> list[str]:
    """The SDS secrets that a TLS context asks for."""
    common = as_dict(context.get("common_tls_context"))
    combined = as_dict(common.get("combined_validation_context"))
    found = [as_text(item.get("name")) for item in dicts(common.get("tls_certificate_sds_secret_configs"))]
    for holder in (common, combined):
        name = as_text(as_dict(holder.get("validation_context_sds_secret_config")).get("name"))
        if name:
            found.append(name)
    return found


def sans(context: dict[str, Any]) -> Iterator[str]:
    """The subject alternative names that a TLS context accepts, exact or as a prefix."""
    common = as_dict(context.get("common_tls_context"))
    combined = as_dict(common.get("combined_validation_context"))
    for holder in (
        as_dict(common.get("validation_context")),
        as_dict(combined.get("default_validation_context")),
    ):
        matchers = dicts(holder.get("match_subject_alt_names"))
        matchers += [as_dict(item.get("matcher")) for item in dicts(holder.get("match_typed_subject_alt_names"))]
        for matcher in matchers:
            text = as_text(matcher.get("exact")) or as_text(matcher.get("prefix"))
            if text:
                yield text


def _address(address: dict[str, Any]) -> tuple[str, int | None]:
    socket = as_dict(address.get("socket_address"))
    internal = as_dict(address.get("envoy_internal_address"))
    if internal:
        return as_text(internal.get("endpoint_id")) or as_text(internal.get("server_listener_name")), None
    port = socket.get("port_value")
    pipe = as_text(as_dict(address.get("pipe")).get("path"))
    return as_text(socket.get("address")) or pipe, port if isinstance(port, int) else None


def _host(host: dict[str, Any]) -> Host:
    address, port = _address(as_dict(as_dict(host.get("endpoint")).get("address")))
    metadata = as_dict(as_dict(host.get("metadata")).get("filter_metadata"))
    return Host(
        address,
        port,
        as_text(host.get("health_status")) or "HEALTHY",
        as_text(as_dict(metadata.get("envoy.transport_socket_match")).get("tlsMode")),
        as_text(as_dict(metadata.get("istio")).get("workload")),
    )
