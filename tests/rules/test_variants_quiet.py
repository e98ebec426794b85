"""Legitimate use of the same features: no diagnosis."""

# ruff: noqa: E501

from __future__ import annotations

import copy
import functools
import re

import pytest
from variants import AP, DR, NP, PA, SE, VS, Case, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)


@case()
def denials_beside_successes(s: Scene) -> None:
    s.add(
        AP,
        "AuthorizationPolicy",
        "shop",
        "web-allow",
        {
            "selector": {"matchLabels": {"app": "web"}},
            "action": "ALLOW",
            "rules": [{"from": [{"source": {"namespaces": ["shop"]}}]}],
        },
    )
    p = s.proxy("web")
    s.access(
        p,
        12,
        code="403",
        details="rbac_access_denied_matched_policy[none]",
        authority="web.shop",
        cluster="inbound|80||",
    )
    s.access(p, 5, code="200", authority="web.shop", cluster="inbound|80||")


@case()
def default_deny_base(s: Scene) -> None:
    s.add(AP, "AuthorizationPolicy", "bookinfo", "deny-by-default", {})
    s.add(
        AP,
        "AuthorizationPolicy",
        "bookinfo",
        "open",
        {"action": "ALLOW", "rules": [{"from": [{"source": {"namespaces": ["bookinfo", "istio-system"]}}]}]},
    )


@case()
def network_policies_that_allow(s: Scene) -> None:
    s.add(
        NP,
        "NetworkPolicy",
        "istio-system",
        "istiod",
        {
            "podSelector": {"matchLabels": {"app": "istiod"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": 15012}, {"port": 15017}, {"port": 15010}, {"port": 15014}]}],
        },
    )
    s.add(
        NP,
        "NetworkPolicy",
        "bookinfo",
        "egress",
        {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"namespaceSelector": {}}]}]},
    )


@case()
def breaker_at_rest(s: Scene) -> None:
    for d in s.objects(DR, "bookinfo", "ratings"):
        d["spec"]["trafficPolicy"] = {
            "connectionPool": {"tcp": {"maxConnections": 100}},
            "outlierDetection": {"consecutive5xxErrors": 5},
        }


@case()
def one_of_three_ejected(s: Scene) -> None:
    for p in s.proxies("productpage"):
        for c in s.json(f"proxies/{p}/clusters.json")["cluster_statuses"]:
            if c["name"] == "outbound|9080||reviews.bookinfo.svc.cluster.local":
                c["host_statuses"][0]["health_status"] = {"eds_health_status": "HEALTHY", "failed_outlier_check": True}
                c["host_statuses"] = c["host_statuses"] * 2
                c["host_statuses"][-1] = copy.deepcopy(c["host_statuses"][1])
                c["host_statuses"][3] = copy.deepcopy(c["host_statuses"][1])


@case()
def canary_at_twenty(s: Scene) -> None:
    s.add(
        VS,
        "VirtualService",
        "bookinfo",
        "ratings",
        {
            "hosts": ["ratings"],
            "http": [
                {
                    "route": [{"destination": {"host": "ratings", "subset": "v1"}}],
                    "timeout": "5s",
                    "retries": {"attempts": 3},
                }
            ],
        },
    )


@case()
def wildcard_gateway(s: Scene) -> None:
    s.add(
        "gateways.networking.istio.io",
        "Gateway",
        "shop",
        "wild",
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {"port": {"number": 8080, "name": "http", "protocol": "HTTP"}, "hosts": ["*.wild.example.com"]}
            ],
        },
    )
    s.access(
        s.proxy("istio-ingress"),
        30,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="x.wild.example.com",
        local="10.244.1.37:8080",
    )


@case()
def unresolved_but_unused(s: Scene) -> None:
    for p in s.proxies():
        s.push(
            p, "cluster", {"name": "outbound|443||quiet.example.net", "type": "STRICT_DNS", "connect_timeout": "10s"}
        )
        s.json(f"proxies/{p}/clusters.json")["cluster_statuses"].append(
            {"name": "outbound|443||quiet.example.net", "added_via_api": True}
        )
    s.add(
        SE,
        "ServiceEntry",
        "shop",
        "quiet",
        {
            "hosts": ["quiet.example.net"],
            "ports": [{"number": 443, "name": "https", "protocol": "HTTPS"}],
            "resolution": "DNS",
        },
    )


@case()
def faults_that_are_over(s: Scene) -> None:
    s.access(
        s.proxy("toolbox"),
        12,
        flags="UH",
        details="no_healthy_upstream",
        authority="web.shop",
        cluster="outbound|80||web.shop.svc.cluster.local",
    )
    for path in [f"logs/{s.proxy('toolbox')}/istio-proxy.log"]:
        s.files[path] = re.sub(rb'01:28:(?=[12]\d\.\d+Z\] "GET / HTTP/1.1" 503 UH)', b"00:28:", s.files[path])
    s.access(s.proxy("toolbox"), 1, code="200", authority="web.shop", cluster="outbound|80||web.shop.svc.cluster.local")


@case()
def permissive(s: Scene) -> None:
    for o in s.objects(PA, "bookinfo", "default"):
        o["spec"]["mtls"]["mode"] = "PERMISSIVE"
    s.add(
        DR,
        "DestinationRule",
        "bookinfo",
        "reviews-plain",
        {"host": "legacy-api.legacy.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    )


@case()
def external_authorization(s: Scene) -> None:
    for c in s.objects("configmaps", "istio-system", "istio"):
        if "mesh" in c.get("data", {}):
            c["data"]["mesh"] += (
                "\nextensionProviders:\n- name: opa\n  envoyExtAuthzGrpc:\n    service: web.shop.svc.cluster.local\n    port: 9000\n"
            )
    s.add(
        AP,
        "AuthorizationPolicy",
        "shop",
        "ask",
        {"action": "CUSTOM", "provider": {"name": "opa"}, "selector": {"matchLabels": {"app": "db"}}, "rules": [{}]},
    )


@case()
def reconnects(s: Scene) -> None:
    for p in s.proxies("reviews"):
        s.log(
            p + "/istio-proxy",
            "{t}\twarning\tenvoy config\t./source/extensions/config_subscription/grpc/grpc_stream.h:155\tDeltaAggregatedResources gRPC config stream to xds-grpc closed: 0, ",
        )
        s.log(
            p + "/istio-proxy",
            "{t}\tinfo\txdsproxy\tconnected to delta upstream XDS server: istiod.istio-system.svc:15012\tid=2",
            ago=19,
        )


@case()
def client_goes_away(s: Scene) -> None:
    s.access(
        s.proxy("productpage"),
        40,
        flags="DC",
        code="0",
        details="downstream_remote_disconnect",
        authority="reviews:9080",
        cluster="outbound|9080|v1|reviews.bookinfo.svc.cluster.local",
    )


@case()
def two_listeners_one_cert(s: Scene) -> None:
    s.add(
        "gateways.networking.istio.io",
        "Gateway",
        "shop",
        "more",
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 8443, "name": "https", "protocol": "HTTPS"},
                    "hosts": ["more.example.com"],
                    "tls": {"mode": "SIMPLE", "credentialName": "bookinfo-cert"},
                }
            ],
        },
    )


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
