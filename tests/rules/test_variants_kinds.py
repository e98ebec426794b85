"""The kinds of trouble that the recordings show, on other objects and with other causes."""

# ruff: noqa: E501

from __future__ import annotations

import copy
import functools

import pytest
from variants import CFG, DR, EF, GW, HR, PA, VS, Case, Scene, check, name_of, register

CASES: list[Case] = []
case = functools.partial(register, CASES)


def cut(s: Scene, p: str) -> None:
    ns, n = p.split("/")
    for path in s.paths("istiod/.*/debug/syncz.json"):
        rows = s.json(path)
        rows[:] = [r for r in rows if r["proxy"] != f"{n}.{ns}"]


@case("BB203", "Pod istio-system/istio-ingressgateway-7655758cfb-bn77n")
def gateway_disconnected(s: Scene) -> None:
    p = s.proxy("istio-ingress")
    cut(s, p)
    s.log(
        p + "/istio-proxy",
        "{t}\twarn\txdsproxy\tupstream terminated with unexpected error rpc error: code = Unavailable desc = keepalive ping failed to receive ACK within timeout\tid=1",
        ago=80,
    )


@case("BB307", "Deployment bookinfo/reviews-v1")
def discovery_port(s: Scene) -> None:
    p = s.proxy("reviews-v1")
    cut(s, p)
    s.dump(p)["configs"][0]["bootstrap"]["node"]["metadata"]["PROXY_CONFIG"]["discoveryAddress"] = (
        "istiod.istio-system.svc:15099"
    )
    s.log(
        p + "/istio-proxy",
        '{t}\twarning\tenvoy config\t./source/x.h:227\tDeltaAggregatedResources gRPC config stream to xds-grpc closed since 80s ago: 14, connection error: desc = "transport: Error while dialing: dial tcp 10.96.238.243:15099: i/o timeout"',
    )


@case("BB705", "DestinationRule shop/db")
def mesh_wide_strict(s: Scene) -> None:
    s.remove(PA, "bookinfo", "default")
    s.add(PA, "PeerAuthentication", "istio-system", "default", {"mtls": {"mode": "STRICT"}})
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "db",
        {"host": "db.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "DISABLE"}}},
    )


@case("BB705", "DestinationRule bookinfo/details")
def subset_tls(s: Scene) -> None:
    for d in s.objects(DR, "bookinfo", "details"):
        d["spec"]["subsets"][0]["trafficPolicy"] = {"tls": {"mode": "DISABLE"}}


@case("BB304", "DestinationRule shop/web-tls")
def mutual_to_disabled(s: Scene) -> None:
    s.add(
        PA,
        "PeerAuthentication",
        "shop",
        "web-off",
        {"selector": {"matchLabels": {"app": "web"}}, "mtls": {"mode": "DISABLE"}},
    )
    s.add(
        DR,
        "DestinationRule",
        "shop",
        "web-tls",
        {"host": "web.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL"}}},
    )

    def lis(b):
        b["filter_chains"] = [
            c
            for c in b["filter_chains"]
            if c.get("filter_chain_match", {}).get("transport_protocol") != "tls"
            or not c.get("filter_chain_match", {}).get("destination_port")
        ]

    s.every(lis, "listener", "virtualInbound", s.proxies("web"))

    def ch(b):
        m = [x for x in b["transport_socket_matches"] if x["name"] == "tlsMode-istio"]
        b["transport_socket"] = m[0]["transport_socket"]
        b.pop("transport_socket_matches")
        b.setdefault("metadata", {}).setdefault("filter_metadata", {}).setdefault("istio", {})["config"] = CFG % (
            "shop",
            "destination-rule",
            "web-tls",
        )

    s.every(ch, "cluster", "||web.shop")
    s.access(
        s.proxy("toolbox"),
        8,
        flags="UF,URX",
        details="upstream_reset_before_response_started",
        reason="TLS_error:|268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end",
        authority="web.shop",
        cluster="outbound|80||web.shop.svc.cluster.local",
    )


@case()
def gateway_port(s: Scene) -> None:
    s.add(
        GW,
        "Gateway",
        "shop",
        "odd",
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [{"port": {"number": 9999, "name": "tcp", "protocol": "TCP"}, "hosts": ["*"]}],
        },
    )


@case("IST0101", "Gateway shop/front")
def secret_elsewhere(s: Scene) -> None:
    s.add(
        GW,
        "Gateway",
        "shop",
        "front",
        {
            "selector": {"istio": "ingressgateway"},
            "servers": [
                {
                    "port": {"number": 8443, "name": "https", "protocol": "HTTPS"},
                    "hosts": ["f.example.com"],
                    "tls": {"mode": "SIMPLE", "credentialName": "front-cert"},
                }
            ],
        },
    )
    for listed in s.lists("secrets"):
        listed["items"].append(
            {
                "metadata": {"name": "front-cert", "namespace": "shop"},
                "type": "kubernetes.io/tls",
                "data": {"tls.crt": "", "tls.key": ""},
            }
        )


@case("BB202", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def eds_stale(s: Scene) -> None:
    p = s.proxy("reviews-v2")
    for r in s.syncz(p):
        st = r["resources"]["type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"]
        st["sent"] = s.time(400)[:19] + "Z/5"
        st["sentTime"] = s.time(400)
        r["endpoint_sent"] = st["sent"]


@case("BB202", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def never_acked(s: Scene) -> None:
    p = s.proxy("reviews-v2")
    for r in s.syncz(p):
        for st in r["resources"].values():
            st["sent"] = s.time(120)[:19] + "Z/5"
            st["sentTime"] = s.time(120)
            st.pop("acked", None)
        for k in list(r):
            if k.endswith("_acked"):
                r[k] = ""
            if k.endswith("_sent"):
                r[k] = s.time(120)[:19] + "Z/5"


@case("BB301", "Pod bookinfo/reviews-v2-84f9db9fd6-j2p2f")
def drift(s: Scene) -> None:
    p = s.proxy("reviews-v2")
    s.drop(p, "cluster", r"outbound\|9080\|\|details", of_istiod=False)


@case("BB805", "Deployment bookinfo/ratings-v1")
def unready_backend(s: Scene) -> None:
    for o in s.objects("pods", "bookinfo", "ratings"):
        for c in o["status"]["conditions"]:
            if c["type"] in ("Ready", "ContainersReady"):
                c["status"] = "False"
        for c in o["status"]["containerStatuses"]:
            if c["name"] != "istio-proxy":
                c["ready"] = False
        o["metadata"]["creationTimestamp"] = "2026-11-21T00:28:00Z"
    for path in s.paths(r"k8s/.*endpointslices\.json"):
        for e in s.json(path)["items"]:
            if e["metadata"]["name"].startswith("ratings"):
                for x in e["endpoints"]:
                    x["conditions"] = {"ready": False, "serving": False}
    s.endpoints(r"\|ratings\.", [])
    s.access(
        s.proxy("reviews-v2"),
        8,
        flags="UH",
        details="no_healthy_upstream",
        authority="ratings:9080",
        cluster="outbound|9080||ratings.bookinfo.svc.cluster.local",
    )


@case("IST0106", "VirtualService bookinfo/reviews")
def weights(s: Scene) -> None:
    for v in s.objects(VS, "bookinfo", "reviews"):
        for h in v["spec"]["http"][1:]:
            for r in h["route"]:
                r["weight"] = 0


@case("BB716", "VirtualService bookinfo/reviews")
def fault(s: Scene) -> None:
    for v in s.objects(VS, "bookinfo", "reviews"):
        v["spec"]["http"][0]["fault"] = {"abort": {"httpStatus": 500, "percentage": {"value": 100}}}
    s.access(
        s.proxy("productpage"),
        20,
        flags="FI",
        code="500",
        details="fault_filter_abort",
        authority="reviews:9080",
        cluster="outbound|9080|v2|reviews.bookinfo.svc.cluster.local",
    )


@case("BB715", "VirtualService shop/web")
def delegate(s: Scene) -> None:
    for v in s.objects(VS, "shop", "web"):
        v["spec"]["http"][0] = {"match": [{"uri": {"prefix": "/x"}}], "delegate": {"name": "web-x"}}


@case("BB709", "HTTPRoute shop/web")
def backend_port(s: Scene) -> None:
    for h in s.objects(HR, "shop", "web"):
        h["spec"]["rules"][0]["backendRefs"][0]["port"] = 8088
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
                            "reason": "BackendNotFound",
                            "message": "backend(web.shop.svc.cluster.local) port 8088 not found",
                        },
                    ],
                }
            ]
        }


@case("BB201", "EnvoyFilter istio-system/all-lua")
def nack_everywhere(s: Scene) -> None:
    s.add(
        EF,
        "EnvoyFilter",
        "istio-system",
        "all-lua",
        {
            "configPatches": [
                {
                    "applyTo": "HTTP_FILTER",
                    "match": {"context": "ANY"},
                    "patch": {
                        "operation": "INSERT_FIRST",
                        "value": {
                            "name": "acme.lua",
                            "typed_config": {
                                "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua",
                                "inlineCode": "function envoy_on_response(h)\n  if\nend",
                            },
                        },
                    },
                }
            ]
        },
    )
    for p in s.proxies():
        name = (
            "0.0.0.0_8080"
            if "gateway" in p
            else ("0.0.0.0_80" if "edge" in p else ("main_internal" if "waypoint" in p else "virtualInbound"))
        )
        b = copy.deepcopy(s.bodies(p, "listener", name)[0])
        s.rejects(
            p,
            "listener",
            f"Error adding/updating listener(s) {name}: script load error: [string \"function envoy_on_response(h)...\"]:3: unexpected symbol near 'end'\n",
            b,
        )


@case()
def restarted_once(s: Scene) -> None:
    for o in s.objects("pods", "istio-system", "istiod"):
        c = o["status"]["containerStatuses"][0]
        c["restartCount"] = 1
        c["lastState"] = {
            "terminated": {
                "exitCode": 0,
                "reason": "Completed",
                "startedAt": s.time(3600)[:19] + "Z",
                "finishedAt": s.time(1900)[:19] + "Z",
            }
        }


@pytest.mark.parametrize("one", CASES, ids=map(name_of, CASES))
def test_the_first_diagnosis(one: Case) -> None:
    check(one)
