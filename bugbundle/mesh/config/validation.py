"""The common cases of Istio's own validation (`pkg/config/validation`): warnings and errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config import schema_errors
from bugbundle.mesh.config.filter_names import deprecated_matches
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts

ENVOY_FILTER = (
    "EnvoyFilter exposes internal implementation details that may change at any time. Prefer other APIs if possible, "
    "and exercise extreme caution, especially around upgrades."
)
DENY_TCP = (
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP "
    "attributes in a DENY rule; it is recommended to explicitly specify the port"
)
PASSTHROUGH = "PASSTHROUGH mode does not use certificates, they will be ignored"
CERTIFICATES = ("serverCertificate", "privateKey", "caCertificates", "credentialName")
NO_LABELS = "workload selector specified without labels"
SELECTING = (
    res.AUTHORIZATION_POLICY, res.PEER_AUTHENTICATION, res.REQUEST_AUTHENTICATION, res.TELEMETRY, res.WASM_PLUGIN,
)  # fmt: skip
ALL_WORKLOADS = (
    "service entry: workload selector specified without labels, will be applied to all services in namespace"
)
ADDRESSES = "addresses are required for ports serving TCP (or unset) protocol when IP Autoallocation is not enabled"
EMPTY_DENY = (
    "DENY action without `rules` is meaningless as it will never be triggered, add an empty rule `{}` if you want it "
    "be triggered for every request"
)
DEPRECATED_NAME = 'using deprecated filter name "{}"; use "{}" instead'
UNTYPED = "using deprecated types by name without typed_config; {name}"
TARGETS = {
    ("", "Service"): "core/v1/Service",
    ("core", "Service"): "core/v1/Service",
    ("networking.istio.io", "ServiceEntry"): "networking.istio.io/v1/ServiceEntry",
    ("gateway.networking.k8s.io", "Gateway"): "gateway.networking.k8s.io/v1/Gateway",
    ("gateway.networking.k8s.io", "GatewayClass"): "gateway.networking.k8s.io/v1/GatewayClass",
}
TARGET = "targetRef must be to one of [{known}] but was {group}/{kind}"
HTTP_OPERATION = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
HTTP_SOURCE = ("requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks")
TCP_SOURCE = (
    *("principals", "notPrincipals", "namespaces", "notNamespaces", "ipBlocks", "notIpBlocks"),
    *("serviceAccounts", "notServiceAccounts"),
)

SIDECAR_FIELDS = ("ingress", "egress", "outboundTrafficPolicy", "inboundConnectionPool")

_LABEL = re.compile(r"[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")

Told = Iterator[tuple[KubeObject, str, str]]


def warnings(mesh: Mesh) -> Told:
    """(object, pointer, warning)."""
    for item in analysed(mesh, res.ENVOY_FILTER):
        yield item, "/spec", ENVOY_FILTER
        yield from ((item, place, DEPRECATED_NAME.format(*names)) for place, *names in deprecated_matches(item))
        yield from ((item, place, UNTYPED.format(name=name)) for place, name in _untyped(item))
    for item in analysed(mesh, res.GATEWAY):
        for number, server in enumerate(dicts(item.spec.get("servers"))):
            tls = as_dict(server.get("tls"))
            if tls.get("mode") == "PASSTHROUGH" and any(tls.get(field) for field in CERTIFICATES):
                yield item, f"/spec/servers/{number}/tls", PASSTHROUGH
    for resource in SELECTING:
        for item in analysed(mesh, resource):
            selector = item.spec.get("selector")
            if isinstance(selector, dict) and not as_dict(selector.get("matchLabels")):
                yield item, "/spec/selector", NO_LABELS
    for item in analysed(mesh, res.SERVICE_ENTRY):
        selector = item.spec.get("workloadSelector")
        if isinstance(selector, dict) and not as_dict(selector.get("labels")):
            yield item, "/spec/workloadSelector", ALL_WORKLOADS
        for number, port in enumerate(dicts(item.spec.get("ports"))):
            unresolved = as_text(item.spec.get("resolution")) in ("", "NONE")
            if unresolved and not item.spec.get("addresses") and as_text(port.get("protocol")).upper() in ("", "TCP"):
                yield item, f"/spec/ports/{number}", ADDRESSES
    for item in analysed(mesh, res.AUTHORIZATION_POLICY):
        if item.spec.get("action") != "DENY":
            continue
        for number, rule in enumerate(dicts(item.spec.get("rules"))):
            if _only_http(rule):
                yield item, f"/spec/rules/{number}", DENY_TCP


def _untyped(item: KubeObject) -> Iterator[tuple[str, str]]:
    """(pointer, name) of filters that an EnvoyFilter names without their typed configuration."""
    for number, entry in enumerate(dicts(item.spec.get("configPatches"))):
        value = as_dict(as_dict(entry.get("patch")).get("value"))
        typed = any(key in value for key in ("typed_config", "typedConfig", "config_discovery", "configDiscovery"))
        if entry.get("applyTo") in ("HTTP_FILTER", "NETWORK_FILTER") and as_text(value.get("name")) and not typed:
            yield f"/spec/configPatches/{number}/patch/value", as_text(value.get("name"))


def _only_http(rule: dict[str, Any]) -> bool:
    sources = [as_dict(entry.get("source")) for entry in dicts(rule.get("from"))]
    operations = [as_dict(entry.get("operation")) for entry in dicts(rule.get("to"))]
    keys = [as_text(entry.get("key")) for entry in dicts(rule.get("when"))]
    http = any(source.get(field) for source in sources for field in HTTP_SOURCE)
    http = http or any(operation.get(field) for operation in operations for field in HTTP_OPERATION)
    http = http or any(key.startswith("request.") for key in keys)
    tcp = any(source.get(field) for source in sources for field in TCP_SOURCE)
    tcp = tcp or any(operation.get(field) for operation in operations for field in ("ports", "notPorts"))
    tcp = tcp or any(key and not key.startswith("request.") for key in keys)
    return http and not tcp


CHECKS = {
    res.GATEWAY: schema_errors.gateway,
    res.ENVOY_FILTER: schema_errors.envoy_filter,
    res.SERVICE_ENTRY: schema_errors.service_entry,
    res.SIDECAR: schema_errors.sidecar,
    res.VIRTUAL_SERVICE: schema_errors.virtual_service,
    res.DESTINATION_RULE: schema_errors.destination_rule,
    res.WORKLOAD_ENTRY: schema_errors.workload_entry,
    res.PEER_AUTHENTICATION: schema_errors.peer_authentication,
    res.REQUEST_AUTHENTICATION: schema_errors.request_authentication,
}


def errors(mesh: Mesh) -> Told:
    """(object, pointer, error)."""
    for item in analysed(mesh, res.VIRTUAL_SERVICE):
        yield from ((item, place, text) for place, text in _virtual_service(item))
    for item in analysed(mesh, res.DESTINATION_RULE):
        yield from ((item, place, text) for place, text in _destination_rule(item))
    for item in analysed(mesh, res.GATEWAY):
        yield from ((item, place, text) for place, text in _gateway(item))
    for item in analysed(mesh, res.SERVICE_ENTRY):
        for number, port in enumerate(dicts(item.spec.get("ports"))):
            if not _LABEL.fullmatch(as_text(port.get("name"))):
                yield item, f"/spec/ports/{number}", f"invalid port name: {as_text(port.get('name'))}"
    for item in analysed(mesh, res.SIDECAR):
        if not any(item.spec.get(field) not in (None, []) for field in SIDECAR_FIELDS):
            yield item, "/spec", "sidecar: empty configuration provided"
    for item in analysed(mesh, res.AUTHORIZATION_POLICY):
        prefix = f"invalid policy {item.name}.{item.namespace}: "
        found = (*_authorization_policy(item), *schema_errors.authorization_policy(item))
        yield from ((item, place, prefix + text) for place, text in found)
    for resource, check in CHECKS.items():
        for item in analysed(mesh, resource):
            yield from ((item, place, text) for place, text in check(item))


def _destination_rule(item: KubeObject) -> Iterator[tuple[str, str]]:
    if not as_text(item.spec.get("host")):
        yield "/spec", "empty domain name not allowed"
    names = [as_text(subset.get("name")) for subset in dicts(item.spec.get("subsets"))]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "/spec/subsets", f"duplicate subset names: {name}"
    for place, tls in _tls(item):
        if tls.get("mode") == "MUTUAL" and not tls.get("credentialName"):
            for field, word in (("clientCertificate", "client certificate"), ("privateKey", "private key")):
                if not tls.get(field):
                    yield place, f"{word} required for mutual tls"


def _tls(item: KubeObject) -> Iterator[tuple[str, dict[str, Any]]]:
    policy = as_dict(item.spec.get("trafficPolicy"))
    yield "/spec/trafficPolicy/tls", as_dict(policy.get("tls"))
    for number, level in enumerate(dicts(policy.get("portLevelSettings"))):
        yield f"/spec/trafficPolicy/portLevelSettings/{number}/tls", as_dict(level.get("tls"))


def _gateway(item: KubeObject) -> Iterator[tuple[str, str]]:
    found = dicts(item.spec.get("servers"))
    if not found:
        yield "/spec", "gateway must have at least one server"
    for number, server in enumerate(found):
        for host in texts_of(server.get("hosts")):
            if "." not in host.rpartition("/")[2] and not host.endswith("*"):
                yield f"/spec/servers/{number}/hosts", "short names (non FQDN) are not allowed"


def _authorization_policy(item: KubeObject) -> Iterator[tuple[str, str]]:
    if item.spec.get("action") == "DENY" and not as_list(item.spec.get("rules")):
        yield "/spec", EMPTY_DENY
    for number, target in enumerate(dicts(item.spec.get("targetRefs"))):
        group, kind = as_text(target.get("group")), as_text(target.get("kind"))
        if (group, kind) not in TARGETS:
            known = " ".join(dict.fromkeys(TARGETS.values()))
            yield f"/spec/targetRefs/{number}", TARGET.format(known=known, group=group, kind=kind)


def _virtual_service(item: KubeObject) -> Iterator[tuple[str, str]]:
    if not texts_of(item.spec.get("hosts")) and texts_of(item.spec.get("gateways")):
        yield "/spec", "virtual service must have at least one host"
    if not any(dicts(item.spec.get(kind)) for kind in ("http", "tcp", "tls")):
        yield "/spec", "http, tcp or tls must be provided in virtual service"
    for number, rule in enumerate(dicts(item.spec.get("http"))):
        weights = [route.get("weight") or 0 for route in dicts(rule.get("route"))]
        numbers = [weight for weight in weights if isinstance(weight, int)]
        if len(weights) > 1 and numbers and sum(numbers) == 0:
            yield f"/spec/http/{number}/route", "total destination weight = 0"
