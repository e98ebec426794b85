"""What DestinationRules make clients do: TLS towards each Service and port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import full_name, host_matches, service_of
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.workloads.index import index


class ClientTls(NamedTuple):
    """One DestinationRule's TLS mode for one Service: where it stands, the port (0: all), the subset's labels."""

    rule: KubeObject
    service: KubeObject
    mode: str
    place: str
    port: int
    subset: dict[str, str]


def client_tls(mesh: Mesh) -> Iterator[ClientTls]:
    """Every TLS mode that a DestinationRule sets, for every Service that it is for.

    A rule for a wildcard host counts only for Services that have no rule of their own.
    """
    rules = mesh.kube.list(res.DESTINATION_RULE)
    own = {_host(rule) for rule in rules if not _host(rule).startswith("*")}
    for rule in rules:
        settings = list(_settings(rule))
        for service in _services(mesh, rule, own) if settings else ():
            for mode, place, port, subset in settings:
                yield ClientTls(rule, service, mode, place, port, subset)


def _host(rule: KubeObject) -> str:
    return full_name(as_text(rule.spec.get("host")), rule.namespace)


def _services(mesh: Mesh, rule: KubeObject, own: set[str]) -> Iterator[KubeObject]:
    host = _host(rule)
    if not host.startswith("*"):
        key = service_of(host, rule.namespace)
        found = mesh.kube.get(res.SERVICE, *key) if key else None
        if found is not None:
            yield found
        return
    for services in index(mesh).services_in.values():
        for service in services:
            name = full_name(service.name, service.namespace)
            if name not in own and host_matches(host, name):
                yield service


def _settings(rule: KubeObject) -> Iterator[tuple[str, str, int, dict[str, str]]]:
    """(mode, pointer, port or 0, labels of the subset)."""
    yield from _policy(as_dict(rule.spec.get("trafficPolicy")), "/spec/trafficPolicy", {})
    for number, subset in enumerate(dicts(rule.spec.get("subsets"))):
        place = f"/spec/subsets/{number}/trafficPolicy"
        yield from _policy(as_dict(subset.get("trafficPolicy")), place, texts(subset.get("labels")))


def _policy(
    policy: dict[str, Any], place: str, labels: dict[str, str]
) -> Iterator[tuple[str, str, int, dict[str, str]]]:
    mode = as_text(as_dict(policy.get("tls")).get("mode"))
    if mode:
        yield mode, f"{place}/tls", 0, labels
    for number, level in enumerate(dicts(policy.get("portLevelSettings"))):
        mode = as_text(as_dict(level.get("tls")).get("mode"))
        port = as_dict(level.get("port")).get("number")
        if mode and isinstance(port, int):
            yield mode, f"{place}/portLevelSettings/{number}/tls", port, labels


def target_ports(service: KubeObject, port: int, pod: KubeObject) -> list[int]:
    """The ports of a pod behind a Service's port (0: all TCP ports); named ones looked up in its containers."""
    found: list[int] = []
    for item in dicts(service.spec.get("ports")):
        if (port and item.get("port") != port) or as_text(item.get("protocol")).upper() == "UDP":
            continue
        target = item.get("targetPort", item.get("port"))
        number = target if isinstance(target, int) else container_port(pod, as_text(target))
        if number:
            found.append(number)
    return found


def container_port(pod: KubeObject, name: str) -> int:
    """The number of a named port of a pod; 0 where no container has it."""
    for item in declared_ports(pod):
        number = item.get("containerPort")
        if item.get("name") == name and isinstance(number, int):
            return number
    return 0


def declared_ports(pod: KubeObject) -> list[dict[str, Any]]:
    """The ports that a pod's containers (native sidecars too, Istio's proxy not) declare."""
    from bugbundle.mesh.parts import PROXY_CONTAINER, containers

    return [
        port
        for container in containers(pod)
        if container.get("name") != PROXY_CONTAINER
        for port in dicts(container.get("ports"))
    ]
