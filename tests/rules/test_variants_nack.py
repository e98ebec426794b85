"""A push that Envoy rejects: the object that made it is named."""

# ruff: noqa: E501

from __future__ import annotations

import copy
import functools

import pytest
from variants import EF, Case, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)


def ef(s, ns, name, patches, labels=None, **md):
    spec = {"configPatches": patches}
    if labels:
        spec["workloadSelector"] = {"labels": labels}
    s.add(EF, "EnvoyFilter", ns, name, spec, **({"metadata": md} if md else {}))


def old(s, ns="istio-system", name="global-log"):
    """An old, legitimate EnvoyFilter for everybody."""
    ef(
        s,
        ns,
        name,
        [
            {
                "applyTo": "HTTP_FILTER",
                "match": {"context": "ANY"},
                "patch": {
                    "operation": "INSERT_FIRST",
                    "value": {
                        "name": "keep-log",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                            "inline_code": "-- nothing",
                        },
                    },
                },
            },
            {
                "applyTo": "NETWORK_FILTER",
                "match": {"context": "ANY"},
                "patch": {"operation": "MERGE", "value": {"name": "x"}},
            },
            {
                "applyTo": "CLUSTER",
                "patch": {"operation": "MERGE", "value": {"per_connection_buffer_limit_bytes": 32768}},
            },
            {
                "applyTo": "VIRTUAL_HOST",
                "patch": {"operation": "MERGE", "value": {"include_request_attempt_count": True}},
            },
        ],
        creationTimestamp="2026-10-01T00:00:00Z",
    )


@case("BB201", "EnvoyFilter bookinfo/early")
def listener_filter(s: Scene) -> None:
    old(s)
    p = s.proxy("reviews-v1")
    ef(
        s,
        "bookinfo",
        "early",
        [
            {
                "applyTo": "LISTENER_FILTER",
                "match": {"context": "SIDECAR_INBOUND"},
                "patch": {
                    "operation": "INSERT_FIRST",
                    "value": {
                        "name": "acme.listener.sniffer",
                        "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"},
                    },
                },
            }
        ],
        {"app": "reviews"},
    )
    for p in s.proxies("reviews"):
        b = copy.deepcopy(s.bodies(p, "listener", "virtualInbound")[0])
        b["listener_filters"].insert(
            0,
            {"name": "acme.listener.sniffer", "typed_config": {"@type": "type.googleapis.com/google.protobuf.Struct"}},
        )
        s.rejects(
            p,
            "listener",
            "Error adding/updating listener(s) virtualInbound: Didn't find a registered implementation for 'acme.listener.sniffer' with type URL: 'google.protobuf.Struct'\n",
            b,
        )


@case("BB201", "EnvoyFilter bookinfo/slow")
def cluster_patch(s: Scene) -> None:
    old(s)
    ef(
        s,
        "bookinfo",
        "slow",
        [
            {
                "applyTo": "CLUSTER",
                "match": {"context": "SIDECAR_OUTBOUND", "cluster": {"service": "ratings.bookinfo.svc.cluster.local"}},
                "patch": {"operation": "MERGE", "value": {"connect_timeout": "-1s", "eds_cluster_config": None}},
            }
        ],
        {"app": "reviews"},
    )
    for p in s.proxies("reviews"):
        b = copy.deepcopy(s.bodies(p, "cluster", "outbound|9080||ratings")[0])
        b["connect_timeout"] = "-1s"
        s.rejects(
            p,
            "cluster",
            'Error adding/updating cluster(s) outbound|9080||ratings.bookinfo.svc.cluster.local: Proto constraint validation failed (ClusterValidationError.ConnectTimeout: value must be greater than 0s): name: "outbound|9080||ratings.bookinfo.svc.cluster.local"',
            b,
        )


@case("BB201", "EnvoyFilter istio-system/gw-limit")
def gateway_http_filter(s: Scene) -> None:
    old(s)
    ef(
        s,
        "istio-system",
        "gw-limit",
        [
            {
                "applyTo": "HTTP_FILTER",
                "match": {"context": "GATEWAY"},
                "patch": {
                    "operation": "INSERT_BEFORE",
                    "value": {
                        "name": "envoy.filters.http.local_ratelimit",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
                            "stat_prefix": "",
                            "token_bucket": {"max_tokens": 10},
                        },
                    },
                },
            }
        ],
        {"istio": "ingressgateway"},
    )
    p = s.proxy("istio-ingress")
    b = copy.deepcopy(s.bodies(p, "listener", "0.0.0.0_8080")[0])
    s.rejects(
        p,
        "listener",
        "Error adding/updating listener(s) 0.0.0.0_8080: Proto constraint validation failed (LocalRateLimitValidationError.StatPrefix: value length must be at least 1 characters): token_bucket {\n  max_tokens: 10\n}\n",
        b,
    )


@case("BB201", "VirtualService shop/web")
def regex(s: Scene) -> None:
    old(s)
    for v in s.objects("virtualservices.networking.istio.io", "shop", "web"):
        v["spec"]["http"][0]["match"] = [{"uri": {"regex": "^/api/(?!v1).*"}}]
    for p in s.proxies():
        for b in s.bodies(p, "route", "80"):
            if b["name"] != "80":
                continue
            b = copy.deepcopy(b)
            for vh in b["virtual_hosts"]:
                if vh["name"].startswith("web.shop"):
                    vh["routes"][0]["match"] = {"safe_regex": {"regex": "^/api/(?!v1).*"}}
            s.rejects(p, "route", "invalid perl operator: (?!", b)


@case("BB201", "VirtualService bookinfo/bookinfo")
def regex_gateway(s: Scene) -> None:
    for v in s.objects("virtualservices.networking.istio.io", "bookinfo", "bookinfo"):
        v["spec"]["http"][0]["match"] = [{"uri": {"regex": "/products/[a-z"}}]
    p = s.proxy("istio-ingress")
    b = copy.deepcopy(s.bodies(p, "route", "http.8080")[0])
    b["virtual_hosts"][0]["routes"][0]["match"] = {"safe_regex": {"regex": "/products/[a-z"}}
    s.rejects(p, "route", "missing ]: [a-z", b)


@case("BB201", "EnvoyFilter bookinfo/twice")
def duplicate_domain(s: Scene) -> None:
    old(s)
    ef(
        s,
        "bookinfo",
        "twice",
        [
            {
                "applyTo": "VIRTUAL_HOST",
                "match": {"context": "SIDECAR_OUTBOUND"},
                "patch": {"operation": "MERGE", "value": {"domains": ["ratings.bookinfo.svc.cluster.local"]}},
            }
        ],
        {"app": "productpage"},
    )
    p = s.proxy("productpage")
    b = copy.deepcopy(s.bodies(p, "route", "9080")[0])
    b["virtual_hosts"][0]["domains"].append("ratings.bookinfo.svc.cluster.local")
    s.rejects(
        p,
        "route",
        "Only unique values for domains are permitted. Duplicate entry of domain ratings.bookinfo.svc.cluster.local in route 9080",
        b,
    )


@case("BB201", "VirtualService shop/other")
def duplicate_domain_vs(s: Scene) -> None:
    old(s)
    s.add(
        "virtualservices.networking.istio.io",
        "VirtualService",
        "shop",
        "other",
        {
            "hosts": ["BOOKINFO.example.com"],
            "gateways": ["bookinfo/bookinfo-gateway"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    )
    p = s.proxy("istio-ingress")
    b = copy.deepcopy(s.bodies(p, "route", "http.8080")[0])
    v = copy.deepcopy(b["virtual_hosts"][0])
    v["name"] = "BOOKINFO.example.com:8080"
    v["domains"] = ["BOOKINFO.example.com"]
    b["virtual_hosts"].append(v)
    for r in v["routes"]:
        r["metadata"] = {
            "filter_metadata": {
                "istio": {"config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/other"}
            }
        }
    s.rejects(
        p,
        "route",
        "Only unique values for domains are permitted. Duplicate entry of domain bookinfo.example.com in route http.8080",
        b,
    )


@case("BB201", "ServiceEntry shop/se-one")
def duplicate_chain(s: Scene) -> None:
    for n in ("one", "two"):
        s.add(
            "serviceentries.networking.istio.io",
            "ServiceEntry",
            "shop",
            "se-" + n,
            {
                "hosts": [n + ".corp.example.com"],
                "addresses": ["198.51.100.9"],
                "ports": [{"number": 9443, "name": "tls", "protocol": "TLS"}],
                "resolution": "NONE",
            },
        )
    for p in s.proxies():
        if p.split("/")[1].startswith(("waypoint", "edge", "istio-", "db")):
            continue
        b = {
            "name": "198.51.100.9_9443",
            "address": {"socket_address": {"address": "198.51.100.9", "port_value": 9443}},
            "traffic_direction": "OUTBOUND",
            "filter_chains": [
                {
                    "filter_chain_match": {"server_names": ["one.corp.example.com"]},
                    "filters": [
                        {
                            "name": "envoy.filters.network.tcp_proxy",
                            "typed_config": {
                                "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                                "stat_prefix": "x",
                                "cluster": "outbound|9443||one.corp.example.com",
                            },
                        }
                    ],
                }
            ]
            * 2,
            "metadata": {"filter_metadata": {"istio": {}}},
        }
        s.rejects(
            p,
            "listener",
            "Error adding/updating listener(s) 198.51.100.9_9443: error adding listener '198.51.100.9:9443': filter chain '' has the same matching rules defined as 'one'. duplicate matcher is: {server_names: one.corp.example.com}. multiple filter chains with the same matching rules are defined",
            b,
        )


@case("BB201", "Gateway bookinfo/bookinfo-gateway")
def sds_bad_key(s: Scene) -> None:
    p = s.proxy("istio-ingress")
    url = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    for row in s.syncz(p):
        row["resources"][url] = {
            "sent": s.time(50)[:19] + "Z/aa1",
            "acked": "",
            "sentTime": s.time(50),
            "lastError": "Error adding/updating secret(s) kubernetes://bookinfo-cert: Failed to load private key from <inline>, Cause: error:0b000074:X.509 certificate routines:OPENSSL_internal:KEY_VALUES_MISMATCH",
        }
    s.log(
        p + "/istio-proxy",
        "{t}\twarning\tenvoy config\tsource/extensions/config_subscription/grpc/grpc_subscription_impl.cc:138\tgRPC config for "
        + url
        + " rejected: Error adding/updating secret(s) kubernetes://bookinfo-cert: Failed to load private key from <inline>, Cause: KEY_VALUES_MISMATCH",
        ago=50,
    )
    s.drop(p, "secret", "kubernetes://bookinfo-cert")


@case("BB201", "WasmPlugin bookinfo/auth")
def wasm(s: Scene) -> None:
    old(s)
    s.add(
        "wasmplugins.extensions.istio.io",
        "WasmPlugin",
        "bookinfo",
        "auth",
        {
            "selector": {"matchLabels": {"app": "productpage"}},
            "url": "oci://registry.example.com/auth:1",
            "phase": "AUTHN",
        },
    )
    p = s.proxy("productpage")
    url = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
    for row in s.syncz(p):
        row["resources"][url] = {
            "sent": s.time(50)[:19] + "Z/aa1",
            "acked": "",
            "sentTime": s.time(50),
            "lastError": "Error adding/updating extension config(s) bookinfo.auth: Unable to create Wasm plugin bookinfo.auth",
        }
    s.log(
        p + "/istio-proxy",
        "{t}\terror\twasm\tcannot fetch Wasm module oci://registry.example.com/auth:1: could not fetch Wasm OCI image: could not fetch manifest: 404 Not Found",
        ago=50,
    )


@case("BB201", "DestinationRule bookinfo/ratings")
def destination_rule_cds(s: Scene) -> None:
    old(s)
    for d in s.objects("destinationrules.networking.istio.io", "bookinfo", "ratings"):
        d["spec"]["trafficPolicy"] = {
            "loadBalancer": {"consistentHash": {"httpHeaderName": "x", "ringHash": {"minimumRingSize": 99999999}}}
        }
    for p in s.proxies("bookinfo/"):
        b = copy.deepcopy(s.bodies(p, "cluster", "outbound|9080||ratings")[0])
        b["lb_policy"] = "RING_HASH"
        b["ring_hash_lb_config"] = {"minimum_ring_size": "99999999"}
        s.rejects(
            p,
            "cluster",
            "Error adding/updating cluster(s) outbound|9080||ratings.bookinfo.svc.cluster.local: Proto constraint validation failed (ClusterValidationError.RingHashLbConfig: embedded message failed validation | caused by RingHashLbConfigValidationError.MinimumRingSize: value must be less than or equal to 8388608)",
            b,
        )


@case()
def old_filter_only(s: Scene) -> None:
    old(s)


@case("BB201", "Gateway shop/low")
def bind(s: Scene) -> None:
    old(s)
    s.add(
        "gateways.networking.istio.io",
        "Gateway",
        "shop",
        "low",
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": ["*.low.example.com"]}],
        },
    )
    p = s.proxy("istio-ingress")
    b = copy.deepcopy(s.bodies(p, "listener", "0.0.0.0_8080")[0])
    b["name"] = "0.0.0.0_80"
    b["address"]["socket_address"]["port_value"] = 80
    s.rejects(
        p, "listener", "Error adding/updating listener(s) 0.0.0.0_80: cannot bind '0.0.0.0:80': Permission denied\n", b
    )


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
