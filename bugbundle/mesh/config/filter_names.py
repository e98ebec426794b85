"""Envoy's filters under the names of its first API, which an EnvoyFilter may still match by.

istiod matches both names; each later name is what its proxies have (istio, `pkg/config/xds/deprecated.go`).
"""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts

LISTENER_CLASS = frozenset({"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER"})
"""`applyTo` of the patches whose match names filters."""

PRESENT_NAMES = {
    "envoy.buffer": "envoy.filters.http.buffer",
    "envoy.cors": "envoy.filters.http.cors",
    "envoy.csrf": "envoy.filters.http.csrf",
    "envoy.http_dynamo_filter": "envoy.filters.http.dynamo",
    "envoy.ext_authz": "envoy.filters.http.ext_authz",
    "envoy.fault": "envoy.filters.http.fault",
    "envoy.grpc_http1_bridge": "envoy.filters.http.grpc_http1_bridge",
    "envoy.grpc_json_transcoder": "envoy.filters.http.grpc_json_transcoder",
    "envoy.grpc_web": "envoy.filters.http.grpc_web",
    "envoy.gzip": "envoy.filters.http.gzip",
    "envoy.health_check": "envoy.filters.http.health_check",
    "envoy.ip_tagging": "envoy.filters.http.ip_tagging",
    "envoy.lua": "envoy.filters.http.lua",
    "envoy.rate_limit": "envoy.filters.http.ratelimit",
    "envoy.router": "envoy.filters.http.router",
    "envoy.squash": "envoy.filters.http.squash",
    "envoy.listener.http_inspector": "envoy.filters.listener.http_inspector",
    "envoy.listener.original_dst": "envoy.filters.listener.original_dst",
    "envoy.listener.original_src": "envoy.filters.listener.original_src",
    "envoy.listener.proxy_protocol": "envoy.filters.listener.proxy_protocol",
    "envoy.listener.tls_inspector": "envoy.filters.listener.tls_inspector",
    "envoy.client_ssl_auth": "envoy.filters.network.client_ssl_auth",
    "envoy.http_connection_manager": "envoy.filters.network.http_connection_manager",
    "envoy.mongo_proxy": "envoy.filters.network.mongo_proxy",
    "envoy.ratelimit": "envoy.filters.network.ratelimit",
    "envoy.redis_proxy": "envoy.filters.network.redis_proxy",
    "envoy.tcp_proxy": "envoy.filters.network.tcp_proxy",
}


def deprecated_matches(item: KubeObject) -> Iterator[tuple[str, str, str]]:
    """(JSON pointer, name, present name) of the filters that an EnvoyFilter matches by a deprecated name."""
    for number, entry in enumerate(dicts(item.spec.get("configPatches"))):
        if entry.get("applyTo") not in LISTENER_CLASS:
            continue
        listener = as_dict(as_dict(entry.get("match")).get("listener"))
        network = as_dict(as_dict(listener.get("filterChain")).get("filter"))
        place = f"/spec/configPatches/{number}/match/listener/filterChain/filter"
        for where, found in ((place, network), (f"{place}/subFilter", as_dict(network.get("subFilter")))):
            name = as_text(found.get("name"))
            if name in PRESENT_NAMES:
                yield f"{where}/name", name, PRESENT_NAMES[name]
