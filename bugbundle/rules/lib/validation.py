"""The common cases of Istio's own validation (`pkg/config/validation`): warnings and errors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.rules.lib import resources as res
from bugbundle.rules.lib.hosts import texts_of
from bugbundle.rules.lib.istioctl import analysed

ENVOY_FILTER = (
    "EnvoyFilter exposes internal implementation details that may change at any time. Prefer other APIs if possible, "
    "and exercise extreme caution, especially around upgrades."
)
DENY_TCP = (
    "configured AuthorizationPolicy will deny all traffic to TCP ports under its scope due to the use of only HTTP "
    "attributes in a DENY rule; it is recommended to explicitly specify the port"
)
HTTP_OPERATION = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
HTTP_SOURCE = ("requestPrincipals", "notRequestPrincipals", "remoteIpBlocks", "notRemoteIpBlocks")
TCP_SOURCE = (
    *("principals", "notPrincipals", "namespaces", "notNamespaces", "ipBlocks", "notIpBlocks"),
    *("serviceAccounts", "notServiceAccounts"),
)

Told = Iterator[tuple[KubeObject, str, str]]


def warnings(mesh: Mesh) -> Told:
    """(object, pointer, warning)."""
    for item in analysed(mesh, res.ENVOY_FILTER):
        yield item, "/spec", ENVOY_FILTER
    for item in analysed(mesh, res.AUTHORIZATION_POLICY):
        if item.spec.get("action") != "DENY":
            continue
        for number, rule in enumerate(dicts(item.spec.get("rules"))):
            if _only_http(rule):
                yield item, f"/spec/rules/{number}", DENY_TCP


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


def errors(mesh: Mesh) -> Told:
    """(object, pointer, error)."""
    for item in analysed(mesh, res.VIRTUAL_SERVICE):
        yield from ((item, place, text) for place, text in _virtual_service(item))
    for item in analysed(mesh, res.DESTINATION_RULE):
        if not as_text(item.spec.get("host")):
            yield item, "/spec", "empty domain name not allowed"
        names = [as_text(subset.get("name")) for subset in dicts(item.spec.get("subsets"))]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield item, "/spec/subsets", f"duplicate subset names: {name}"
    for item in analysed(mesh, res.GATEWAY):
        if not dicts(item.spec.get("servers")):
            yield item, "/spec", "gateway must have at least one server"


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
