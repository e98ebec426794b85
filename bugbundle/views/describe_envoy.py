"""What `describe` looks up in an Envoy's config dump: which DestinationRule, VirtualService, policies made it.

Source: istioctl/pkg/describe/describe.go of 1.29. Bodies are read in Envoy's spelling or in istiod's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bugbundle.errors import BugbundleError
from bugbundle.mesh.kube import KubeObject, as_dict, as_list, as_text, dicts
from bugbundle.mesh.resources import Dump, Resource
from bugbundle.xds import Xds
from bugbundle.xds.schema import camel

SUFFIX = ".svc.cluster.local"
HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
RBAC = "envoy.filters.http.rbac"
_PATH = re.compile(r"/apis/networking(?:\.istio\.io)?/v1(?:alpha3)?/namespaces/([^/]+)/([^/]+)/([^/]+)")
_HOST = re.compile(r"([^.]+)\.([^.]+)\.svc\.cluster\.local")


def get(value: Any, name: str) -> Any:
    """A member in either spelling."""
    found = as_dict(value)
    return found[name] if name in found else found.get(camel(name))


def body(resource: Resource) -> dict[str, Any]:
    """A resource's body; empty where it cannot be read."""
    try:
        return as_dict(resource.body())
    except BugbundleError:
        return {}


def istio_config(value: Any) -> str | None:
    """`metadata.filter_metadata.istio.config`: empty where it is not said, None where there is no metadata."""
    metadata = get(value, "metadata")
    if not isinstance(metadata, dict):
        return None
    return as_text(as_dict(as_dict(get(metadata, "filter_metadata")).get("istio")).get("config"))


def origin(path: str | None, kind: str) -> tuple[str, str] | None:
    """(namespace, name) of the object in a config path; None if it is of another kind."""
    match = _PATH.search(path or "")
    return (match[1], match[3]) if match and match[2] == kind else None


class EnvoyConfig:
    """The lookups in one dump."""

    def __init__(self, dump: Dump) -> None:
        self._dump = dump
        self._routes: list[tuple[str, dict[str, Any]]] | None = None

    def destination_rule(self, service: KubeObject, port: int) -> tuple[str, str] | None:
        """(namespace, name) behind the first outbound cluster of a service's port."""
        host = f"{service.name}.{service.namespace}{SUFFIX}"
        for resource in self._dump.resources(Xds.CDS, "dynamic_active"):
            name = resource.name
            if host in name and "outbound" in name and f"|{port}|" in name:
                config = istio_config(body(resource))
                if config is not None:
                    return origin(config, "destination-rule")
        return None

    def virtual_service(self, service: KubeObject, port: int) -> tuple[str, str] | None:
        """(namespace, name) behind the first route that leads to a service's port."""
        for name, route_configuration in self._route_configurations():
            if name != str(port) and not name.startswith(("http.", "https.")):
                continue
            for host in _hosts(route_configuration):
                for route in dicts(get(host, "routes")):
                    if _leads_to(route, host, service, port):
                        return origin(istio_config(route), "virtual-service")
        return None

    def _route_configurations(self) -> list[tuple[str, dict[str, Any]]]:
        """Dynamic ones, by name."""
        if self._routes is None:
            found = self._dump.resources(Xds.RDS, "dynamic_active")
            self._routes = sorted(((r.name, body(r)) for r in found), key=lambda pair: pair[0])
        return self._routes

    def rbac_policies(self, port: int) -> list[str]:
        """The names of the policies in the first RBAC filter of the first inbound HTTP connection manager."""
        for manager in self._inbound_manager(port):
            for item in dicts(get(manager, "http_filters")):
                if get(item, "name") == RBAC:
                    config = as_dict(get(item, "typed_config"))
                    return sorted(as_dict(get(get(config, "rules"), "policies")))
            return []
        return []

    def _inbound_manager(self, port: int) -> Iterator[dict[str, Any]]:
        for resource in self._dump.resources(Xds.LDS, "dynamic_active"):
            inbound = resource.name == "virtualInbound"
            if not inbound and not resource.name.endswith(f"_{port}"):
                continue
            listener = body(resource)
            address = get(get(listener, "address"), "socket_address")
            here = get(address, "port_value") == port and get(address, "address") != "0.0.0.0"
            if inbound or here:
                yield from managers(listener)


def managers(listener: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The HTTP connection managers of a listener's filter chains, in order."""
    for chain in dicts(get(listener, "filter_chains")):
        for item in dicts(get(chain, "filters")):
            config = as_dict(get(item, "typed_config"))
            if as_text(config.get("@type")).endswith(HCM):
                yield config


def _hosts(route_configuration: dict[str, Any]) -> list[dict[str, Any]]:
    """Virtual hosts, by name."""
    return sorted(dicts(get(route_configuration, "virtual_hosts")), key=lambda host: as_text(get(host, "name")))


def _leads_to(route: dict[str, Any], host: dict[str, Any], service: KubeObject, port: int) -> bool:
    """By the virtual host's domains, else by the first cluster of the route."""
    key = (service.name, service.namespace)
    if any(_tail(domain) == key for domain in as_list(get(host, "domains")) if isinstance(domain, str)):
        return True
    action = as_dict(get(route, "route"))
    clusters = dicts(get(get(action, "weighted_clusters"), "clusters"))
    cluster = as_text(get(action, "cluster")) or (as_text(get(clusters[0], "name")) if clusters else "")
    direction, _, rest = cluster.partition("|")
    number, _, rest = rest.partition("|")
    _, bar, name = rest.partition("|")
    return direction.endswith("outbound") and number == str(port) and bool(bar) and _whole(name) == key


def _tail(domain: str) -> tuple[str, str] | None:
    """(service, namespace) at the end of a domain."""
    found = list(_HOST.finditer(domain)) if domain.endswith(SUFFIX) else []
    return (found[-1][1], found[-1][2]) if found and found[-1].end() == len(domain) else None


def _whole(name: str) -> tuple[str, str] | None:
    match = _HOST.fullmatch(name)
    return (match[1], match[2]) if match else None
