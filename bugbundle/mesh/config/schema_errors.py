"""More of what Istio's own validation refuses, in its words. Source: Istio's `pkg/config/validation` of 1.29.

An API server with Istio's webhook lets none of these in; files, and clusters without the webhook, have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts

Told = Iterator[tuple[str, str]]
"""(place, error) of one object."""

PROTOCOLS = ("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "MONGO", "REDIS", "MYSQL", "TCP")
_SECURE = ("HTTPS", "TLS")
_KNOWN = frozenset({*PROTOCOLS, *_SECURE, "UDP"})
_LISTENER = frozenset({"LISTENER", "FILTER_CHAIN", "NETWORK_FILTER", "HTTP_FILTER", "LISTENER_FILTER"})
RETRY_ON = frozenset({
    "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "envoy-ratelimited", "retriable-4xx",
    "refused-stream", "retriable-status-codes", "retriable-headers", "http3-post-connect-failure", "cancelled",
    "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
})  # fmt: skip
"""What Envoy retries on; status codes besides."""

_STATUS = frozenset(str(int(status)) for status in HTTPStatus)

_EMPTY_RULES = ("route", "redirect", "directResponse", "delegate")


def _range(number: Any) -> str:
    """The error of a port number; empty where it is one."""
    valid = isinstance(number, int) and 1 <= number <= 65535
    return "" if valid else f"port number {number or 0} must be in the range 1..65535"


def gateway(item: KubeObject) -> Told:
    """Servers without what they need."""
    names: list[str] = []
    for number, server in enumerate(dicts(item.spec.get("servers"))):
        place = f"/spec/servers/{number}"
        port = server.get("port")
        if not isinstance(port, dict):
            yield place, "port is required"
            continue
        if as_text(port.get("name")) in names:
            yield place, f"port names in servers must be unique: duplicate name {port['name']}"
        names += filter(None, [as_text(port.get("name"))])
        yield from ((f"{place}/port", text) for text in _server_port(port))
        if not texts_of(server.get("hosts")):
            yield place, "server config must contain at least one host"
        yield from ((f"{place}/tls", text) for text in _server_tls(server, as_text(port.get("protocol"))))


def _server_port(port: dict[str, Any]) -> Iterator[str]:
    protocol = as_text(port.get("protocol"))
    if protocol.upper() not in _KNOWN:
        yield f'invalid protocol "{protocol}", supported protocols are {", ".join(PROTOCOLS)}'
    if wrong := _range(port.get("number")):
        yield wrong
    if not port.get("name"):
        yield f'port name must be set: number:{port.get("number")}  protocol:"{protocol}"'


def _server_tls(server: dict[str, Any], protocol: str) -> Iterator[str]:
    tls = server.get("tls")
    if isinstance(tls, dict) and tls.get("mode") and protocol.upper() in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB"):
        yield "server cannot have TLS settings for plain text HTTP ports"
    if not isinstance(tls, dict):
        if protocol.upper() in _SECURE:
            yield "server must have TLS settings for HTTPS/TLS protocols"
        return
    mode = as_text(tls.get("mode"))
    if mode not in ("SIMPLE", "MUTUAL") or tls.get("credentialName") or tls.get("credentialNames"):
        return
    wanted = [("serverCertificate", "server certificate"), ("privateKey", "private key")]
    if mode == "MUTUAL":
        wanted.append(("caCertificates", "client CA bundle"))
    if not as_list(tls.get("tlsCertificates")):
        yield from (f"{mode} TLS requires a {word}" for field, word in wanted if not tls.get(field))


def envoy_filter(item: KubeObject) -> Told:
    """Patches without what they need."""
    for number, patch in enumerate(dicts(item.spec.get("configPatches"))):
        problem = _patch(patch)
        if problem:
            yield f"/spec/configPatches/{number}", f"Envoy filter: {problem}"


def _patch(patch: dict[str, Any]) -> str:
    target, change = as_text(patch.get("applyTo")), patch.get("patch")
    if target in ("", "INVALID"):
        return "missing applyTo"
    if not isinstance(change, dict):
        return "missing patch"
    operation = as_text(change.get("operation"))
    if operation in ("", "INVALID"):
        return "missing patch operation"
    if operation != "REMOVE" and not isinstance(change.get("value"), dict):
        return "missing patch value for non-remove operation"
    match = as_dict(patch.get("match"))
    if target in _LISTENER and ("cluster" in match or "routeConfiguration" in match):
        return "applyTo for listener class objects cannot have non listener match"
    return ""


def service_entry(item: KubeObject) -> Told:
    """Without hosts, or with ports that are told twice."""
    if not texts_of(item.spec.get("hosts")):
        yield "/spec", "service entry must have at least one host"
        return
    numbers: list[Any] = []
    names: list[str] = []
    for index, port in enumerate(dicts(item.spec.get("ports"))):
        place, number, name = f"/spec/ports/{index}", port.get("number"), as_text(port.get("name"))
        if number in numbers:
            yield place, f"service entry port {number} already defined"
        if name in names:
            yield place, f'service entry port name "{name}" already defined'
        numbers.append(number)
        names.append(name)
        protocol = as_text(port.get("protocol"))
        if protocol and protocol.upper() not in _KNOWN:
            yield place, f"unsupported protocol: {protocol}"
        if wrong := _range(number):
            yield place, wrong


def sidecar(item: KubeObject) -> Told:
    """Listeners for nothing; a proxy for what leaves the mesh, where nothing may."""
    if item.spec.get("inboundConnectionPool") == {}:
        yield "/spec/inboundConnectionPool", "connection pool must have at least one field"
    listeners = dicts(item.spec.get("egress"))
    for number, listener in enumerate(listeners):
        if not texts_of(listener.get("hosts")):
            yield f"/spec/egress/{number}", "sidecar: egress listener must contain at least one host"
        if not listener.get("port") and number < len(listeners) - 1:
            text = "sidecar: the egress listener with empty port should be the last listener in the list"
            yield f"/spec/egress/{number}", text
    policy = as_dict(item.spec.get("outboundTrafficPolicy"))
    if policy.get("egressProxy") and policy.get("mode") != "ALLOW_ANY":
        text = "sidecar: egress_proxy must be set only with ALLOW_ANY outbound_traffic_policy mode"
        yield "/spec/outboundTrafficPolicy/egressProxy", text


def virtual_service(item: KubeObject) -> Told:
    """A host that is told twice; HTTP rules that lead nowhere, or to two places."""
    hosts = texts_of(item.spec.get("hosts"))
    gateways = texts_of(item.spec.get("gateways"))
    if "*" in hosts and (not gateways or "mesh" in gateways):
        yield "/spec/hosts", "wildcard host * is not allowed for virtual services bound to the mesh gateway"
    for name in sorted({name for name in hosts if hosts.count(name) > 1}):
        yield "/spec/hosts", f"duplicate hosts in virtual service: {name} & {name}"
    for number, rule in enumerate(dicts(item.spec.get("http"))):
        place = f"/spec/http/{number}"
        if not any(rule.get(word) for word in _EMPTY_RULES):
            yield place, "HTTP route, redirect or direct_response is required"
        if rule.get("route") and rule.get("redirect"):
            yield place, "HTTP route cannot contain both route and redirect"
        attempts = as_dict(rule.get("retries")).get("attempts")
        if isinstance(attempts, int) and attempts < 0:
            yield f"{place}/retries", "attempts cannot be negative"
        for policy in as_text(as_dict(rule.get("retries")).get("retryOn")).split(","):
            if policy and policy not in RETRY_ON and policy not in _STATUS:
                yield f"{place}/retries/retryOn", f'"{policy}" is not a valid retryOn policy'
        for index, route in enumerate(dicts(rule.get("route"))):
            target = as_dict(route.get("destination"))
            if "destination" not in route:
                yield f"{place}/route/{index}", "destination is required"
            elif not target.get("host"):
                yield f"{place}/route/{index}", "empty domain name not allowed"
            if "port" in target and (wrong := _range(as_dict(target["port"]).get("number"))):
                yield f"{place}/route/{index}", wrong


def destination_rule(item: KubeObject) -> Told:
    """Subsets without a name, settings without a setting."""
    for number, subset in enumerate(dicts(item.spec.get("subsets"))):
        if not subset.get("name"):
            yield f"/spec/subsets/{number}", "subset name cannot be empty"
    if as_dict(item.spec.get("trafficPolicy")).get("connectionPool") == {}:
        yield "/spec/trafficPolicy/connectionPool", "connection pool must have at least one field"


def workload_entry(item: KubeObject) -> Told:
    """Without an address."""
    if not item.spec.get("address") and not item.spec.get("network"):
        yield "/spec", "address is required"


def peer_authentication(item: KubeObject) -> Told:
    """Port levels that are for no workload."""
    if item.spec.get("portLevelMtls") and not as_dict(as_dict(item.spec.get("selector")).get("matchLabels")):
        yield "/spec/portLevelMtls", "mesh/namespace peer authentication cannot have port level mTLS"


def request_authentication(item: KubeObject) -> Told:
    """Rules for tokens of nobody."""
    for number, rule in enumerate(dicts(item.spec.get("jwtRules"))):
        if not rule.get("issuer") and not rule.get("jwksUri"):
            yield f"/spec/jwtRules/{number}", "issuer or jwksUri must be non-empty string"


def authorization_policy(item: KubeObject) -> Told:
    """Rules with parts that say nothing."""
    if item.spec.get("action") == "CUSTOM" and not as_dict(item.spec.get("provider")).get("name"):
        yield "/spec/provider", "`provider.name` must not be empty"
    for number, rule in enumerate(dicts(item.spec.get("rules"))):
        where = f"/spec/rules/{number}"
        for field, inner in (("from", "source"), ("to", "operation")):
            for part in dicts(rule.get(field)):
                if not any(as_dict(part.get(inner)).values()):
                    kind = "empty" if inner in part else "nil"
                    yield f"{where}/{field}", f"`{field}.{inner}` must not be {kind}, found at rule {number}"
        for condition in dicts(rule.get("when")):
            if condition.get("key") and not condition.get("values") and not condition.get("notValues"):
                text = f"at least one of `values` or `notValues` must be set for key {condition['key']}"
                yield f"{where}/when", text
