"""Effects of single objects: who is meant, where it is seen, why not; each mesh is a small dict."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bugbundle.bundle import Bundle
from bugbundle.effect import Effect, Reason, effects
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import MANAGED, NAME, WAYPOINT

NETWORKING = "k8s/apis/networking.istio.io/v1/"
SECURITY = "k8s/apis/security.istio.io/v1/"
HCM = "envoy.filters.network.http_connection_manager"
WEB = ("shop", "web-1", {"app": "web"})


def mesh(lists: dict[str, list[dict[str, Any]]], more: dict[str, Any] | None = None) -> Mesh:
    entries = {path: json.dumps({"kind": "List", "items": items}) for path, items in lists.items()}
    entries |= {path: body if isinstance(body, str) else json.dumps(body) for path, body in (more or {}).items()}
    return Mesh(Bundle.from_entries({"bundle.json": '{"format": 1}', **entries}))


def item(kind: str, namespace: str, name: str, spec: Any, created: str = "", **labels: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace, "labels": labels, "creationTimestamp": created}
    return {"kind": kind, "metadata": meta, "spec": spec}


def pod(namespace: str, name: str, labels: dict[str, str], *, gateway: bool = False) -> dict[str, Any]:
    own = [] if gateway else [{"name": "app", "ports": [{"containerPort": 8080}]}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [*own, {"name": "istio-proxy"}]},
        "status": {"phase": "Running"},
    }


def pods(*rows: tuple[str, str, dict[str, str]]) -> dict[str, list[dict[str, Any]]]:
    return {"k8s/api/v1/pods.json": [pod(*row) for row in rows]}


def cluster(name: str, config: str = "") -> dict[str, Any]:
    metadata = {"filter_metadata": {"istio": {"config": config}}} if config else {}
    return {
        "cluster": {"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", "name": name, "metadata": metadata}
    }


def dump(*clusters: dict[str, Any], listeners: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {
        "configs": [
            {
                "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
                "dynamic_active_clusters": list(clusters),
            },
            {
                "@type": "type.googleapis.com/envoy.admin.v3.ListenersConfigDump",
                "dynamic_listeners": [{"name": one["name"], "active_state": {"listener": one}} for one in listeners],
            },
        ]
    }


def listener(name: str, port: int, *filters: str, direction: str = "OUTBOUND") -> dict[str, Any]:
    http = [{"name": one} for one in filters]
    chain = {"filters": [{"name": HCM, "typed_config": {"http_filters": http}}]}
    return {
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": name,
        "traffic_direction": direction,
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": port}},
        "filter_chains": [chain],
    }


def one(found: list[Effect], name: str = "") -> Effect:
    return next(effect for effect in found if not name or effect.item.name == name)


def told(effect: Effect) -> tuple[str, list[tuple[Reason, str]]]:
    return effect.verdict, [(why.reason, why.part) for why in effect.why]


def test_a_rule_that_acts_says_where() -> None:
    config = "/apis/networking.istio.io/v1/namespaces/shop/destination-rule/web"
    rule = item("DestinationRule", "shop", "web", {"host": "web"})
    service = item("Service", "shop", "web", {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]})
    seen = mesh(
        {NETWORKING + "destinationrules.json": [rule], "k8s/api/v1/services.json": [service], **pods(WEB)},
        {"proxies/shop/web-1/config_dump.json": dump(cluster("outbound|80||web.shop.svc.cluster.local", config))},
    )
    found = one(effects(seen, res.DESTINATION_RULE))
    assert (told(found), found.should, [tuple(trace) for trace in found.acts]) == (
        ("effective", []),
        ("web-1.shop",),
        [("web-1.shop", "cluster outbound|80||web.shop.svc.cluster.local")],
    )


@pytest.mark.parametrize(
    ("namespace", "expected"),
    [("shop", "unknown"), ("istio-system", "unknown"), ("config", "without effect")],
)
def test_where_clients_look_for_a_rule(namespace: str, expected: str) -> None:
    rule = item("DestinationRule", namespace, "web", {"host": "web.shop.svc.cluster.local", "exportTo": ["*"]})
    service = item("Service", "shop", "web", {"selector": {"app": "web"}, "ports": [{"port": 80}]})
    seen = mesh({NETWORKING + "destinationrules.json": [rule], "k8s/api/v1/services.json": [service], **pods(WEB)})
    assert one(effects(seen, res.DESTINATION_RULE)).verdict == expected


def test_the_older_of_two_virtual_services_wins_at_sidecars() -> None:
    spec = {"hosts": ["web.shop.svc.cluster.local"], "http": [{"route": [{"destination": {"host": "web"}}]}]}
    items = [
        item("VirtualService", "shop", name, spec, f"2025-0{n}-01T00:00:00Z") for n, name in ((1, "old"), (2, "new"))
    ]
    found = effects(mesh({NETWORKING + "virtualservices.json": items, **pods(WEB)}), res.VIRTUAL_SERVICE)
    assert (told(one(found, "old"))[1], told(one(found, "new"))[1]) == ([], [(Reason.OVERRULED, "")])


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ("www.example.com", []),
        ("*/www.example.com", []),
        ("shop/www.example.com", []),
        ("./www.example.com", [(Reason.NEVER, "/spec/gateways/0")]),
        ("platform/*", [(Reason.NEVER, "/spec/gateways/0")]),
        ("other.example.com", [(Reason.NO_MEETING, "/spec/gateways/0")]),
    ],
)
def test_hosts_of_a_gateway_say_whose_routes_they_take(served: str, expected: list[tuple[Reason, str]]) -> None:
    gateway = item(
        "Gateway",
        "edge",
        "web",
        {"selector": {"istio": "gw"}, "servers": [{"port": {"number": 80, "protocol": "HTTP"}, "hosts": [served]}]},
    )
    service = item(
        "VirtualService", "shop", "web", {"hosts": ["www.example.com"], "gateways": ["edge/web"], "http": [{}]}
    )
    lists = {NETWORKING + "gateways.json": [gateway], NETWORKING + "virtualservices.json": [service]}
    lists["k8s/api/v1/pods.json"] = [pod("edge", "gw-1", {"istio": "gw"}, gateway=True)]
    assert told(one(effects(mesh(lists), res.VIRTUAL_SERVICE)))[1] == expected


def test_two_ports_of_a_service_on_one_of_the_pod_shut_tls_out() -> None:
    rows = [{"port": {"number": n, "protocol": p}, "hosts": ["*"]} for n, p in ((80, "HTTP"), (443, "HTTPS"))]
    gateway = item("Gateway", "edge", "web", {"selector": {"istio": "gw"}, "servers": rows})
    ports = [{"port": 80, "targetPort": 8080}, {"port": 443, "targetPort": 8080}]
    lists = {
        NETWORKING + "gateways.json": [gateway],
        "k8s/api/v1/pods.json": [pod("edge", "gw-1", {"istio": "gw"}, gateway=True)],
        "k8s/api/v1/services.json": [item("Service", "edge", "gw", {"selector": {"istio": "gw"}, "ports": ports})],
    }
    found = one(effects(mesh(lists), res.GATEWAY))
    assert (Reason.OVERRULED, "/spec/servers/1") in told(found)[1]
    ports[1]["targetPort"] = 8443
    assert Reason.OVERRULED not in [why.reason for why in one(effects(mesh(lists), res.GATEWAY)).why]


@pytest.mark.parametrize(
    ("match", "operation", "stage"),
    [
        ({"context": "GATEWAY", "listener": {"filterChain": {"filter": {"name": HCM}}}}, "MERGE", ""),
        ({"context": "SIDECAR_INBOUND"}, "MERGE", "context"),
        ({"listener": {"portNumber": 443}}, "INSERT_FIRST", "port 443"),
        (
            {"listener": {"filterChain": {"filter": {"name": "envoy.http_connection_manager"}}}},
            "MERGE",
            "since Envoy 1.14",
        ),
        (
            {
                "listener": {
                    "filterChain": {"filter": {"name": HCM, "subFilter": {"name": "envoy.filters.http.jwt_auth"}}}
                }
            },
            "INSERT_AFTER",
            "there is envoy.filters.http.jwt_authn",
        ),
        ({"listener": {"filterChain": {"sni": "www.example.com"}}}, "MERGE", "SNI www.example.com"),
        ({"proxy": {"proxyVersion": r"^1\.9.*"}}, "MERGE", "run 1.29.6"),
        ({"listener": {"portNumber": 443}}, "REMOVE", ""),
    ],
)
def test_what_an_envoy_filter_matches(match: dict[str, Any], operation: str, stage: str) -> None:
    patch = {"applyTo": "HTTP_FILTER", "match": match, "patch": {"operation": operation, "value": {"name": "x"}}}
    lists = {
        "k8s/apis/networking.istio.io/v1alpha3/envoyfilters.json": [
            item("EnvoyFilter", "edge", "x", {"configPatches": [patch]})
        ]
    }
    lists["k8s/api/v1/pods.json"] = [pod("edge", "gw-1", {}, gateway=True)]
    entry = dump(
        listeners=(listener("0.0.0.0_8080", 8080, "envoy.filters.http.jwt_authn", "envoy.filters.http.router"),)
    )
    bootstrap = {"bootstrap": {"node": {"metadata": {"ISTIO_VERSION": "1.29.6"}}}}
    entry["configs"].append({"@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump", **bootstrap})
    found = one(effects(mesh(lists, {"proxies/edge/gw-1/config_dump.json": entry}), res.ENVOY_FILTER))
    assert bool(found.why) == bool(stage)
    assert not stage or stage in found.why[0].text
    assert found.verdict == ("without effect" if stage else "effective")


@pytest.mark.parametrize(
    ("rule", "meant"),
    [
        ({"from": [{"source": {"principals": ["cluster.local/ns/shop/sa/cart"]}}]}, ""),
        ({"from": [{"source": {"principals": ["*/ns/shop/sa/*"]}}]}, ""),
        ({"from": [{"source": {"principals": ["system:serviceaccount:shop:cart"]}}]}, "cluster.local/ns/shop/sa/cart"),
        ({"from": [{"source": {"principals": ["shop/cart"]}}]}, "cluster.local/ns/shop/sa/cart"),
        ({"to": [{"operation": {"methods": ["get"]}}]}, "GET"),
        ({"to": [{"operation": {"paths": ["/api/*", "/items/{*}/price"]}}]}, ""),
        ({"to": [{"operation": {"paths": ["/api/.*"]}}]}, "/api/*"),
        ({"to": [{"operation": {"paths": ["/find?q=1"]}}]}, "/find"),
        ({"to": [{"operation": {"paths": ["health"]}}]}, "/health"),
        ({"to": [{"operation": {"hosts": ["https://www.example.com/"]}}]}, "www.example.com"),
        ({"to": [{"operation": {"ports": ["80"]}}]}, "8080"),
        ({"to": [{"operation": {"ports": ["8080"]}}]}, ""),
        ({"from": [{"source": {"requestPrincipals": ["*"]}}]}, "Add a RequestAuthentication"),
    ],
)
def test_values_that_no_request_matches(rule: dict[str, Any], meant: str) -> None:
    service = item("Service", "shop", "web", {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]})
    policy = item("AuthorizationPolicy", "shop", "web", {"action": "ALLOW", "rules": [rule]})
    seen = mesh({SECURITY + "authorizationpolicies.json": [policy], "k8s/api/v1/services.json": [service], **pods(WEB)})
    found = one(effects(seen, res.AUTHORIZATION_POLICY))
    assert [why.reason for why in found.why] == ([Reason.NEVER] if meant else [])
    assert not meant or meant in found.why[0].todo


def test_port_levels_are_of_the_workload() -> None:
    service = item("Service", "shop", "web", {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]})
    spec = {
        "selector": {"matchLabels": {"app": "web"}},
        "portLevelMtls": {"80": {"mode": "DISABLE"}, "8080": {"mode": "STRICT"}},
    }
    policy = item("PeerAuthentication", "shop", "web", spec)
    seen = mesh({SECURITY + "peerauthentications.json": [policy], "k8s/api/v1/services.json": [service], **pods(WEB)})
    assert told(one(effects(seen, res.PEER_AUTHENTICATION))) == ("partly", [(Reason.NEVER, "/spec/portLevelMtls/80")])


def test_nothing_recorded_is_not_without_effect() -> None:
    """Without pods nobody knows whom an object is for; without dumps nobody knows where it acts."""
    rule = item("DestinationRule", "shop", "web", {"host": "web"})
    found = one(effects(mesh({NETWORKING + "destinationrules.json": [rule], **pods(WEB)}), res.DESTINATION_RULE))
    assert (found.verdict, [why.reason for why in found.why]) == ("unseen", [])


@pytest.mark.parametrize(("label", "expected"), [("", [(Reason.NO_TARGET, "")]), ("waypoint", [])])
def test_a_service_without_waypoint_has_nobody_to_apply_its_policy(
    label: str, expected: list[tuple[Reason, str]]
) -> None:
    labels = {"istio.io/use-waypoint": label} if label else {}
    service = item("Service", "shop", "web", {"selector": {"app": "web"}, "ports": [{"port": 80}]}, **labels)
    policy = item(
        "AuthorizationPolicy", "shop", "web", {"targetRefs": [{"kind": "Service", "name": "web"}], "rules": [{}]}
    )
    lists = {SECURITY + "authorizationpolicies.json": [policy], "k8s/api/v1/services.json": [service]}
    lists["k8s/api/v1/pods.json"] = [pod("shop", "waypoint-1", {NAME: "waypoint", MANAGED: WAYPOINT}, gateway=True)]
    assert told(one(effects(mesh(lists), res.AUTHORIZATION_POLICY)))[1] == expected
