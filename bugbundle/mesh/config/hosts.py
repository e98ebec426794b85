"""Host names: short and full, wildcards, and what they lead to.

Short names are completed as Istio does: only a name without a dot (`pkg/config/host`, `ResolveShortnameToFQDN`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kinds import SERVICE, SERVICE_ENTRY
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.mesh.once import once

DOMAIN = "cluster.local"
_SERVICE = re.compile(r"([\w-]+)\.([\w-]+)\.svc\..+")


def full_name(host: str, namespace: str, domain: str = DOMAIN) -> str:
    """`reviews` in `shop` → `reviews.shop.svc.cluster.local`; anything with a dot or a wildcard as it is."""
    if not host or "." in host or host.startswith("*"):
        return host
    return f"{host}.{namespace}.svc.{domain}"


def service_of(host: str, namespace: str) -> tuple[str, str] | None:
    """(namespace, name) of the Service behind a host; None for other hosts."""
    match = _SERVICE.fullmatch(full_name(host, namespace))
    return (match[2], match[1]) if match else None


def host_matches(one: str, other: str) -> bool:
    """Whether two hosts overlap: equal, or one a wildcard over the other."""
    if one == other or "*" in (one, other):
        return True
    if one.startswith("*") and other.startswith("*"):
        longer, shorter = sorted((one[1:], other[1:]), key=len, reverse=True)
        return longer.endswith(shorter)
    if one.startswith("*"):
        return other.endswith(one[1:])
    return other.startswith("*") and one.endswith(other[1:])


def exported(export_to: Any, owner: str, namespace: str) -> bool:
    """Whether an object of namespace `owner` with this `exportTo` is seen in `namespace`."""
    scopes = [item for item in as_list(export_to) if isinstance(item, str)]
    if not scopes or "*" in scopes:
        return True
    return namespace in {owner if scope == "." else scope for scope in scopes}


@dataclass(frozen=True, slots=True)
class Target:
    """What a host leads to: a Service or a ServiceEntry, and its ports."""

    host: str
    source: KubeObject
    ports: tuple[int, ...]


class Hosts:
    """Every host that a mesh knows, with the namespaces that see it (istioctl's `service_lookup`)."""

    def __init__(self, mesh: Mesh) -> None:
        self._exact: dict[tuple[str, str], Target] = {}
        self._wild: dict[tuple[str, str], Target] = {}
        for entry in mesh.kube.list(SERVICE_ENTRY):
            for host in texts_of(entry.spec.get("hosts")):
                self._add(_scopes(entry.spec.get("exportTo"), entry.namespace), entry, host)
        for service in mesh.kube.list(SERVICE):
            export = service.annotations.get("networking.istio.io/exportTo", "")
            self._add(_scopes(export.split(",") if export else [], service.namespace), service, service.name)

    def _add(self, scopes: Iterable[str], source: KubeObject, host: str) -> None:
        entry = source.kind == "ServiceEntry"
        name = full_name(host, source.namespace)
        ports = tuple(_numbers(source.spec.get("ports"), "number" if entry else "port"))
        for scope in scopes:
            self._exact[scope, name] = Target(name, source, ports)
            if name.startswith("*"):
                self._wild[scope, name] = self._exact[scope, name]

    def find(self, host: str, namespace: str, export_to: Any = None) -> Target | None:
        """What `host` means to an object of `namespace`; None where it means nothing."""
        name = full_name(host, namespace)
        scopes = _scopes(export_to, namespace) if as_list(export_to) else [namespace]
        for scope in ("*", *scopes):
            if (scope, name) in self._exact:
                return self._exact[scope, name]
        for (scope, wild), target in self._wild.items():
            if scope in ("*", namespace) and host.removeprefix("*").endswith(wild[1:]):
                return target
        return None


@once
def hosts(mesh: Mesh) -> Hosts:
    """The one table of hosts of a mesh."""
    return Hosts(mesh)


def texts_of(value: Any) -> list[str]:
    """The strings in a list."""
    return [item for item in as_list(value) if isinstance(item, str)]


def destinations(virtual_service: KubeObject) -> list[tuple[str, dict[str, Any], bool]]:
    """(pointer, destination, whether it is a mirror) of every route of a VirtualService."""
    found: list[tuple[str, dict[str, Any], bool]] = []
    for kind in ("http", "tcp", "tls"):
        for number, rule in enumerate(dicts(virtual_service.spec.get(kind))):
            for place, route in enumerate(dicts(rule.get("route"))):
                if isinstance(route.get("destination"), dict):
                    found.append((f"/spec/{kind}/{number}/route/{place}/destination", route["destination"], False))
    for number, rule in enumerate(dicts(virtual_service.spec.get("http"))):
        if isinstance(rule.get("mirror"), dict):
            found.append((f"/spec/http/{number}/mirror", rule["mirror"], True))
        for place, mirror in enumerate(dicts(rule.get("mirrors"))):
            if isinstance(mirror.get("destination"), dict):
                found.append((f"/spec/http/{number}/mirrors/{place}/destination", mirror["destination"], True))
    return found


def host_of(destination: dict[str, Any]) -> str:
    """A destination's host."""
    return as_text(destination.get("host"))


def _scopes(export_to: Any, namespace: str) -> list[str]:
    scopes = texts_of(export_to)
    if not scopes or "*" in scopes:
        return ["*"]
    return [namespace if scope == "." else scope for scope in scopes]


def _numbers(ports: Any, field: str) -> Iterable[int]:
    return (port[field] for port in dicts(ports) if isinstance(port.get(field), int))
