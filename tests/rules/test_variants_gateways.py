"""Gateways and routes that do not find each other."""

# ruff: noqa: E501

from __future__ import annotations

import copy
import functools
import json

import pytest
from variants import GW, HR, KG, VS, Case, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)


def gateway(s, ns, name, host, port=8080, proto="HTTP", sel=None, **tls):
    s.add(
        GW,
        "Gateway",
        ns,
        name,
        {
            "selector": sel or {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": port, "name": proto.lower() + str(port), "protocol": proto},
                    "hosts": [host],
                    **({"tls": tls} if tls else {}),
                }
            ],
        },
    )


@case("IST0101", "Gateway shop/front")
def selector(s: Scene) -> None:
    gateway(s, "shop", "front", "front.example.com", sel={"istio": "ingress"})
    s.add(
        VS,
        "VirtualService",
        "shop",
        "front",
        {
            "hosts": ["front.example.com"],
            "gateways": ["front"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    )
    s.access(
        s.proxy("istio-ingress"),
        8,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="front.example.com",
        local="10.244.1.37:8080",
    )


@case("IST0101", "VirtualService shop/front")
def vs_wrong_gateway(s: Scene) -> None:
    gateway(s, "istio-system", "front", "front.example.com")
    s.add(
        VS,
        "VirtualService",
        "shop",
        "front",
        {
            "hosts": ["front.example.com"],
            "gateways": ["front"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    )
    s.access(
        s.proxy("istio-ingress"),
        8,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="front.example.com",
        local="10.244.1.37:8080",
    )


@case("BB724", "VirtualService shop/front")
def vs_host_mismatch(s: Scene) -> None:
    gateway(s, "shop", "front", "front.example.com")
    s.add(
        VS,
        "VirtualService",
        "shop",
        "front",
        {
            "hosts": ["frnt.example.com"],
            "gateways": ["front"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    )
    s.access(
        s.proxy("istio-ingress"),
        8,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="front.example.com",
        local="10.244.1.37:8080",
    )


@case("BB724", "Gateway shop/front")
def no_vs(s: Scene) -> None:
    gateway(s, "shop", "front", "front.example.com")
    s.access(
        s.proxy("istio-ingress"),
        8,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="front.example.com",
        local="10.244.1.37:8080",
    )


@case()
def unknown_host(s: Scene) -> None:
    s.access(
        s.proxy("istio-ingress"),
        8,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="203.0.113.5",
        local="10.244.1.37:8080",
    )


@case("IST0101", "Gateway shop/front")
def secret_missing(s: Scene) -> None:
    gateway(s, "shop", "front", "front.example.com", 8443, "HTTPS", mode="SIMPLE", credentialName="front-cert")
    s.add(
        VS,
        "VirtualService",
        "shop",
        "front",
        {
            "hosts": ["front.example.com"],
            "gateways": ["front"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    )
    p = s.proxy("istio-ingress")
    b = copy.deepcopy(s.bodies(p, "listener", "0.0.0.0_8443")[0])
    c = copy.deepcopy(b["filter_chains"][0])
    c["filter_chain_match"] = {"server_names": ["front.example.com"]}
    t = json.dumps(c).replace("kubernetes://bookinfo-cert", "kubernetes://front-cert")
    b["filter_chains"].append(json.loads(t))
    s.push(p, "listener", b, to_envoy=False)
    for conf in s.dump(p)["configs"]:
        if conf["@type"].endswith(".ListenersConfigDump"):
            for r in conf["dynamic_listeners"]:
                if r["name"] == b["name"]:
                    r["warming_state"] = {
                        "listener": {"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", **b},
                        "last_updated": s.time(150),
                    }
        if conf["@type"].endswith(".SecretsConfigDump"):
            conf.setdefault("dynamic_warming_secrets", []).append(
                {
                    "name": "kubernetes://front-cert",
                    "secret": {
                        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
                        "name": "kubernetes://front-cert",
                    },
                    "last_updated": s.time(150),
                }
            )
    i = s.paths("istiod/.*/debug/syncz.json")[0].split("/")
    s.log(
        f"{i[1]}/{i[2]}/discovery",
        "{t}\twarn\tads\tfailed to fetch key and certificate for kubernetes://front-cert: secret istio-system/front-cert not found",
    )


@case("BB707", "Gateway shop/other")
def two_gateways(s: Scene) -> None:
    gateway(s, "shop", "other", "bookinfo.example.com", 443, "HTTPS", mode="SIMPLE", credentialName="bookinfo-cert2")


@case()
def two_gateways_ok(s: Scene) -> None:
    gateway(s, "shop", "other", "shop.example.com", 8080)
    s.add(
        VS,
        "VirtualService",
        "shop",
        "front",
        {
            "hosts": ["shop.example.com"],
            "gateways": ["other"],
            "http": [{"route": [{"destination": {"host": "web", "port": {"number": 80}}}]}],
        },
    )


@case("BB709", "HTTPRoute shop/web")
def not_accepted(s: Scene) -> None:
    for h in s.objects(HR, "shop", "web"):
        h["status"] = {
            "parents": [
                {
                    "controllerName": "istio.io/gateway-controller",
                    "parentRef": h["spec"]["parentRefs"][0],
                    "conditions": [
                        {
                            "type": "Accepted",
                            "status": "False",
                            "reason": "NotAllowedByListeners",
                            "message": 'hostnames matched parent hostname "*.shop.example.com", but namespace "shop" is not allowed by the parent',
                            "lastTransitionTime": s.time(60),
                        },
                        {
                            "type": "ResolvedRefs",
                            "status": "True",
                            "reason": "ResolvedRefs",
                            "message": "All references resolved",
                        },
                    ],
                }
            ]
        }


@case("BB725", "HTTPRoute shop/web")
def no_parent(s: Scene) -> None:
    for h in s.objects(HR, "shop", "web"):
        h["spec"]["parentRefs"][0]["name"] = "egde"
        h.pop("status", None)
    p = s.proxy("edge")
    s.access(
        p,
        8,
        flags="NR",
        code="404",
        details="route_not_found",
        authority="www.shop.example.com",
        local="10.244.1.37:80",
    )


@case("BB709", "HTTPRoute shop/web")
def refgrant(s: Scene) -> None:
    for h in s.objects(HR, "shop", "web"):
        h["spec"]["rules"][0]["backendRefs"][0].update(namespace="bookinfo", name="productpage", port=9080)
        h["status"] = {
            "parents": [
                {
                    "controllerName": "istio.io/gateway-controller",
                    "parentRef": h["spec"]["parentRefs"][0],
                    "conditions": [
                        {"type": "Accepted", "status": "True", "reason": "Accepted", "message": "Route was valid"},
                        {
                            "type": "ResolvedRefs",
                            "status": "False",
                            "reason": "RefNotPermitted",
                            "message": 'backendRef productpage/bookinfo not accessible to a HTTPRoute in namespace "shop" (missing a ReferenceGrant?)',
                        },
                    ],
                }
            ]
        }


@case("BB726", "Gateway shop/mine")
def unknown_class(s: Scene) -> None:
    s.add(
        KG,
        "Gateway",
        "shop",
        "mine",
        {"gatewayClassName": "istoi", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]},
        status={
            "conditions": [
                {"type": "Accepted", "status": "Unknown", "reason": "Pending", "message": "Waiting for controller"},
                {"type": "Programmed", "status": "Unknown", "reason": "Pending", "message": "Waiting for controller"},
            ]
        },
    )
    s.add(
        HR,
        "HTTPRoute",
        "shop",
        "mine",
        {"parentRefs": [{"name": "mine"}], "rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
    )


@case("BB709", "Gateway gw-api/edge")
def not_programmed(s: Scene) -> None:
    for g in s.objects(KG, "gw-api", "edge"):
        for c in g["status"]["conditions"]:
            if c["type"] == "Programmed":
                c.update(
                    status="False",
                    reason="AddressNotAssigned",
                    message='Assigned to service(s) edge-istio.gw-api.svc.cluster.local:80, but failed to assign to all requested addresses: address pending for hostname "edge-istio.gw-api.svc.cluster.local"',
                )


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
