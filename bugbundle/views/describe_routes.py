"""Routes and rules that `describe` of istioctl passes over: Gateway API routes to a service; on each port, every
DestinationRule and VirtualService that Envoy's configuration names, and every RBAC filter.
"""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.mesh.resources import Dump
from bugbundle.views.describe_envoy import RBAC, SUFFIX, body, get, istio_config, managers, origin
from bugbundle.xds import Xds

GROUP = "gateway.networking.k8s.io"
KINDS = ("httproutes", "grpcroutes", "tcproutes", "tlsroutes", "udproutes")


def gateway_routes(mesh: Mesh, service: KubeObject) -> list[str]:
    """The Gateway API routes that lead to a service or hang on it, with what their parents say."""
    lines: list[str] = []
    for plural in KINDS:
        for route in mesh.kube.list(f"{plural}.{GROUP}"):
            ports = _ports(route, service)
            attached = [ref for ref in dicts(route.spec.get("parentRefs")) if _is(ref, route, service)]
            if not ports and not attached:
                continue
            how = "attached to it" if attached else f"to port {', '.join(ports)}"
            lines.append(f"{route.kind}: {route.name}.{route.namespace}, {how}")
            lines.extend(f"   {line}" for line in _parents(route))
    return lines


def _ports(route: KubeObject, service: KubeObject) -> list[str]:
    """The ports of a service to which a route's rules lead."""
    found = [
        str(ref.get("port", "?"))
        for rule in dicts(route.spec.get("rules"))
        for ref in dicts(rule.get("backendRefs"))
        if _is(ref, route, service)
    ]
    return list(dict.fromkeys(found))


def _is(ref: dict[str, Any], route: KubeObject, service: KubeObject) -> bool:
    """Whether a reference means the service; a parent of another kind is a Gateway."""
    kind = as_text(ref.get("kind")) or ("Gateway" if "sectionName" in ref else "Service")
    where = as_text(ref.get("namespace")) or route.namespace
    group = as_text(ref.get("group"))
    return kind == "Service" and group in ("", "core") and (ref.get("name"), where) == (service.name, service.namespace)


def _parents(route: KubeObject) -> list[str]:
    lines = []
    for parent in dicts(route.status.get("parents")):
        ref = parent.get("parentRef")
        ref = ref if isinstance(ref, dict) else {}
        where = as_text(ref.get("namespace")) or route.namespace
        name = f"{as_text(ref.get('kind')) or 'Gateway'} {as_text(ref.get('name'))}.{where}"
        bad = [c for c in dicts(parent.get("conditions")) if c.get("status") != "True"]
        told = "; ".join(f"{c.get('type')}={c.get('status')} {as_text(c.get('reason'))}" for c in bad)
        lines.append(f"{name}: {f'WARNING: {told}' if told else 'accepted'}")
    return lines


def every_rule(mesh: Mesh, pod: KubeObject, services: list[KubeObject]) -> list[str]:
    """Where a port has more than one rule of a kind: all of them, by the pod's Envoy."""
    dump = mesh.dump(f"proxies/{pod.namespace}/{pod.name}/config_dump.json")
    if dump is None or dump.problem:
        return []
    lines: list[str] = []
    for service in services:
        for port in dicts(service.spec.get("ports")):
            number = port.get("port")
            host = f"{service.name}.{service.namespace}{SUFFIX}"
            found = {
                "DestinationRule": _destination_rules(dump, host, number),
                "VirtualService": _virtual_services(dump, host, number),
            }
            for kind, names in found.items():
                if len(names) > 1:
                    lines.append(f"{service.name}.{service.namespace} {number}: every {kind}: {', '.join(names)}")
    filters = _rbac(dump)
    if len(filters) > 1:
        lines.append("Every RBAC filter of the inbound listeners, in order:")
        lines.extend(f"   {line}" for line in filters)
    return lines


def _destination_rules(dump: Dump, host: str, port: Any) -> list[str]:
    found: dict[str, None] = {}
    for resource in dump.resources(Xds.CDS, "dynamic_active"):
        parts = resource.name.split("|")
        if len(parts) == 4 and parts[0] == "outbound" and parts[1] == str(port) and parts[3] == host:
            key = origin(istio_config(body(resource)), "destination-rule")
            if key:
                found[f"{key[1]}.{key[0]}"] = None
    return list(found)


def _virtual_services(dump: Dump, host: str, port: Any) -> list[str]:
    found: dict[str, None] = {}
    for resource in dump.resources(Xds.RDS, "dynamic_active"):
        if resource.name != str(port) and not resource.name.startswith(("http.", "https.")):
            continue
        for virtual_host in dicts(get(body(resource), "virtual_hosts")):
            domains = as_list(get(virtual_host, "domains"))
            if host in domains or f"{host}:{port}" in domains:
                for route in dicts(get(virtual_host, "routes")):
                    key = origin(istio_config(route), "virtual-service")
                    if key:
                        found[f"{key[1]}.{key[0]}"] = None
    return list(found)


def _rbac(dump: Dump) -> list[str]:
    """The distinct RBAC filters of the inbound listeners: action and policies of each."""
    found: dict[str, None] = {}
    for resource in dump.resources(Xds.LDS, "dynamic_active"):
        if resource.name not in ("virtualInbound", "main_internal", "connect_terminate"):
            continue
        for manager in managers(body(resource)):
            for item in dicts(get(manager, "http_filters")):
                if get(item, "name") == RBAC:
                    rules = get(get(item, "typed_config"), "rules")
                    policies = get(rules, "policies")
                    names = ", ".join(sorted(policies)) if isinstance(policies, dict) else ""
                    action = get(rules, "action") or "ALLOW"
                    found[f"{resource.name}: {action} {names or '(nothing)'}"] = None
    return list(found)
