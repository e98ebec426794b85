"""Requests that fail: hosts, ports, subsets, endpoints, limits, what the mesh does not know."""

# ruff: noqa: E501

from __future__ import annotations

import functools

import pytest
from variants import CFG, DR, SE, VS, Case, Scene, check, name_of, register, reroute, vs

CASES: list[Case] = []
case = functools.partial(register, CASES)


@case("IST0101", "VirtualService bookinfo/details")
def host_misspelt(s: Scene) -> None:
    vs(s, "bookinfo", "details", "details", {"host": "detials"})
    reroute(
        s,
        "details.bookinfo.svc.cluster.local:9080",
        "outbound|9080||detials.bookinfo.svc.cluster.local",
        CFG % ("bookinfo", "virtual-service", "details"),
    )
    s.access(
        s.proxy("productpage"),
        8,
        flags="NC",
        details="cluster_not_found",
        authority="details:9080",
        local="10.96.40.9:9080",
    )


@case("IST0101", "VirtualService bookinfo/details")
def port_not_on_service(s: Scene) -> None:
    vs(s, "bookinfo", "details", "details", {"host": "details", "port": {"number": 8080}})
    reroute(
        s,
        "details.bookinfo.svc.cluster.local:9080",
        "outbound|8080||details.bookinfo.svc.cluster.local",
        CFG % ("bookinfo", "virtual-service", "details"),
    )
    s.access(
        s.proxy("productpage"),
        8,
        flags="NC",
        details="cluster_not_found",
        authority="details:9080",
        local="10.96.40.9:9080",
    )


@case("IST0101", "VirtualService bookinfo/details")
def subset_missing(s: Scene) -> None:
    vs(s, "bookinfo", "details", "details", {"host": "details", "subset": "v9"})
    reroute(
        s,
        "details.bookinfo.svc.cluster.local:9080",
        "outbound|9080|v9|details.bookinfo.svc.cluster.local",
        CFG % ("bookinfo", "virtual-service", "details"),
    )


@case("BB710", "DestinationRule bookinfo/details")
def subset_empty(s: Scene) -> None:
    for d in s.objects(DR, "bookinfo", "details"):
        d["spec"]["subsets"][0]["labels"] = {"version": "v7"}
    vs(s, "bookinfo", "details", "details", {"host": "details", "subset": "v1"})
    reroute(
        s,
        "details.bookinfo.svc.cluster.local:9080",
        "outbound|9080|v1|details.bookinfo.svc.cluster.local",
        CFG % ("bookinfo", "virtual-service", "details"),
    )
    s.endpoints(r"9080\|v1\|details", [])
    s.access(
        s.proxy("productpage"),
        8,
        flags="UH",
        details="no_healthy_upstream",
        authority="details:9080",
        cluster="outbound|9080|v1|details.bookinfo.svc.cluster.local",
    )


@case()
def subset_unused(s: Scene) -> None:
    for d in s.objects(DR, "bookinfo", "details"):
        d["spec"]["subsets"].append({"name": "canary", "labels": {"version": "canary"}})


@case()
def weight_zero(s: Scene) -> None:
    for d in s.objects(DR, "bookinfo", "details"):
        d["spec"]["subsets"].append({"name": "canary", "labels": {"version": "canary"}})
    s.add(
        VS,
        "VirtualService",
        "bookinfo",
        "details",
        {
            "hosts": ["details"],
            "http": [
                {
                    "route": [
                        {"destination": {"host": "details", "subset": "v1"}, "weight": 100},
                        {"destination": {"host": "details", "subset": "canary"}, "weight": 0},
                    ]
                }
            ],
        },
    )


@case("BB303", "Service bookinfo/details")
def all_ejected(s: Scene) -> None:
    for p in s.proxies("productpage"):
        path = f"proxies/{p}/clusters.json"
        for c in s.json(path)["cluster_statuses"]:
            if c["name"] == "outbound|9080||details.bookinfo.svc.cluster.local":
                for h in c["host_statuses"]:
                    h["health_status"] = {"eds_health_status": "HEALTHY", "failed_outlier_check": True}
        s.access(
            p,
            8,
            flags="UH",
            details="no_healthy_upstream",
            authority="details:9080",
            cluster="outbound|9080||details.bookinfo.svc.cluster.local",
        )
    for d in s.objects(DR, "bookinfo", "details"):
        d["spec"]["trafficPolicy"] = {"outlierDetection": {"consecutive5xxErrors": 1, "maxEjectionPercent": 100}}


@case("BB718", "ServiceEntry shop/partner")
def dns_unresolved(s: Scene) -> None:
    s.add(
        SE,
        "ServiceEntry",
        "shop",
        "partner",
        {
            "hosts": ["partner.example.net"],
            "ports": [{"number": 443, "name": "https", "protocol": "HTTPS"}],
            "resolution": "DNS",
            "location": "MESH_EXTERNAL",
        },
    )
    for p in s.proxies():
        s.push(
            p,
            "cluster",
            {
                "name": "outbound|443||partner.example.net",
                "type": "STRICT_DNS",
                "connect_timeout": "10s",
                "load_assignment": {
                    "cluster_name": "outbound|443||partner.example.net",
                    "endpoints": [
                        {
                            "lb_endpoints": [
                                {
                                    "endpoint": {
                                        "address": {
                                            "socket_address": {"address": "partner.example.net", "port_value": 443}
                                        }
                                    }
                                }
                            ]
                        }
                    ],
                },
            },
        )
        s.json(f"proxies/{p}/clusters.json")["cluster_statuses"].append(
            {"name": "outbound|443||partner.example.net", "added_via_api": True}
        )
    s.access(
        s.proxy("toolbox"),
        8,
        flags="UH",
        code="0",
        details="-",
        authority="-",
        cluster="outbound|443||partner.example.net",
        local="203.0.113.9:443",
        sni="partner.example.net",
    )


@case("BB711", "Sidecar shop/tight")
def sidecar_hides_tcp(s: Scene) -> None:
    s.add(
        "sidecars.networking.istio.io",
        "Sidecar",
        "shop",
        "tight",
        {"workloadSelector": {"labels": {"app": "toolbox"}}, "egress": [{"hosts": ["./*"]}]},
    )
    p = s.proxy("toolbox")
    for pod in s.objects("pods", "shop", "toolbox"):
        pod["metadata"].setdefault("labels", {})["app"] = "toolbox"
    s.lend(p, s.proxy("db-0"), "cluster", "route", "listener", "endpoint")

    for path in s.paths(r"istiod/.*/edsz/db-0\.shop\.json"):
        s.files[path.replace("db-0", "toolbox")] = s.files[path]
    s.access(
        p,
        8,
        flags="UC",
        code="503",
        details="upstream_reset_before_response_started{connection_termination}",
        authority="productpage.bookinfo:9080",
        cluster="PassthroughCluster",
        local="10.96.88.8:9080",
    )


@case("BB711", "Sidecar shop/tight")
def sidecar_hides_blackhole(s: Scene) -> None:
    sidecar_hides_tcp(s)
    p = s.proxy("toolbox")
    s.files[f"logs/{p}/istio-proxy.log"] = b""
    s.access(
        p,
        8,
        flags="-",
        code="502",
        details="direct_response",
        authority="productpage.bookinfo:9080",
        cluster="-",
        route="block_all",
        local="10.96.88.8:9080",
    )


@case("BB719", "ConfigMap istio-system/istio")
def registry_only(s: Scene) -> None:
    for c in s.objects("configmaps", "istio-system", "istio"):
        if "mesh" in c.get("data", {}):
            c["data"]["mesh"] += "\noutboundTrafficPolicy:\n  mode: REGISTRY_ONLY\n"
    s.access(
        s.proxy("toolbox"),
        8,
        flags="-",
        code="502",
        details="direct_response",
        authority="api.unknown.example.org",
        cluster="BlackHoleCluster",
        route="block_all",
        local="203.0.113.9:80",
    )
    s.access(
        s.proxy("toolbox"),
        8,
        flags="UH",
        code="0",
        details="-",
        authority="-",
        cluster="BlackHoleCluster",
        local="203.0.113.9:443",
        sni="api.unknown.example.org",
    )


@case("BB720", "Service shop/db")
def protocol_wrong(s: Scene) -> None:
    for o in s.objects("services", "shop", "db"):
        o["spec"]["ports"][0]["name"] = "http-redis"
    for o in s.objects("services", "shop", "db"):
        o["spec"]["clusterIP"] = "10.96.5.5"
    s.access(
        s.proxy("toolbox"),
        8,
        flags="DPE",
        code="400",
        details="http1.codec_error",
        authority="-",
        cluster="-",
        local="10.96.5.5:6379",
    )


@case("BB721", "DestinationRule bookinfo/reviews")
def circuit_breaker(s: Scene) -> None:
    for d in s.objects(DR, "bookinfo", "reviews"):
        d["spec"]["trafficPolicy"]["connectionPool"] = {
            "tcp": {"maxConnections": 1},
            "http": {"http1MaxPendingRequests": 1},
        }
    s.access(
        s.proxy("productpage"),
        30,
        flags="UO",
        details="overflow",
        authority="reviews:9080",
        cluster="outbound|9080|v1|reviews.bookinfo.svc.cluster.local",
    )


@case("BB722", "Deployment bookinfo/details-v1")
def localhost(s: Scene) -> None:
    p = s.proxy("details")
    s.access(
        p,
        12,
        flags="UF",
        details="upstream_reset_before_response_started{connection_failure,delayed_connect_error:_Connection_refused}",
        reason="delayed_connect_error:_Connection_refused",
        authority="details:9080",
        cluster="inbound|9080||",
        host="10.244.2.24:9080",
        local="10.244.2.24:9080",
    )
    s.access(
        s.proxy("productpage"),
        12,
        flags="-",
        details="via_upstream",
        authority="details:9080",
        cluster="outbound|9080||details.bookinfo.svc.cluster.local",
    )


@case("BB750", "Service shop/web")
def upstream_closes(s: Scene) -> None:
    s.access(
        s.proxy("web"),
        12,
        flags="UC",
        details="upstream_reset_before_response_started{connection_termination}",
        authority="web",
        cluster="inbound|80||",
        local="10.244.2.24:80",
    )


@case("BB750", "Service shop/web")
def timeout(s: Scene) -> None:
    s.access(
        s.proxy("toolbox"),
        12,
        flags="UT",
        code="504",
        details="response_timeout",
        authority="web.shop",
        cluster="outbound|80||web.shop.svc.cluster.local",
    )


@case("BB723", "AuthorizationPolicy shop/ask")
def ext_authz(s: Scene) -> None:
    for c in s.objects("configmaps", "istio-system", "istio"):
        if "mesh" in c.get("data", {}):
            c["data"]["mesh"] += (
                "\nextensionProviders:\n- name: opa\n  envoyExtAuthzGrpc:\n    service: opa.security.svc.cluster.local\n    port: 9191\n"
            )
    s.add(
        "authorizationpolicies.security.istio.io",
        "AuthorizationPolicy",
        "shop",
        "ask",
        {"action": "CUSTOM", "provider": {"name": "opa"}, "selector": {"matchLabels": {"app": "web"}}, "rules": [{}]},
    )
    s.access(
        s.proxy("web"),
        12,
        flags="UAEX",
        code="403",
        details="ext_authz_error",
        authority="web",
        cluster="inbound|80||",
        local="10.244.2.24:80",
    )


@case("BB701", "Service bookinfo/ratings")
def no_pods(s: Scene) -> None:
    for o in s.objects("services", "bookinfo", "ratings"):
        o["spec"]["selector"] = {"app": "rating"}
    s.endpoints(r"\|ratings\.", [])
    s.access(
        s.proxy("reviews-v2"),
        8,
        flags="UH",
        details="no_healthy_upstream",
        authority="ratings:9080",
        cluster="outbound|9080||ratings.bookinfo.svc.cluster.local",
    )


@case()
def external_name_ok(s: Scene) -> None:
    s.add(
        "services",
        "Service",
        "shop",
        "partner",
        {"type": "ExternalName", "externalName": "partner.example.net", "ports": [{"name": "http", "port": 80}]},
    )


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
