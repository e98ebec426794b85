"""Words that several tables share: clusters' names, route matches, domains, the Istio object behind a resource."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from bugbundle.mesh.kube import as_list, dicts
from bugbundle.views.proxy_config.dump import get, path, text

_CONFIG = "/apis/networking.istio.io/"


class ClusterName(NamedTuple):
    """A cluster's name taken apart, in the order in which istioctl sorts."""

    fqdn: str
    subset: str
    port: int
    direction: str


def cluster_name(name: str) -> ClusterName:
    """`outbound|9080|v1|reviews.shop.svc` (or with `_.`) taken apart; another name is its own FQDN."""
    return parse_subset_key(name) if is_service_cluster(name) else ClusterName(name, "", 0, "")


def is_service_cluster(name: str) -> bool:
    """Whether istioctl takes a name for one of istiod's service clusters."""
    return name.count("|") >= 3


def parse_subset_key(name: str) -> ClusterName:
    """model.ParseSubsetKey of Istio: what is missing is empty, a port that is no number is 0."""
    separator = "_." if name.startswith(("outbound_", "inbound_")) else "|"
    parts = name.split(separator, 3)
    direction = parts[0] if len(parts) > 1 else ""
    port = int(parts[1]) if len(parts) > 2 and re.fullmatch(r"[-+]?\d{1,18}", parts[1]) else 0
    subset = parts[2] if len(parts) > 3 else ""
    fqdn = parts[3] if len(parts) > 3 and separator not in parts[3] else ""
    return ClusterName(fqdn, subset, port, direction)


def owner(resource: dict[str, Any]) -> str:
    """The Istio object that made a resource: `name.namespace`, `<unknown>`, or nothing."""
    config = path(resource, "metadata", "filter_metadata")
    istio = config.get("istio") if isinstance(config, dict) else None
    if not isinstance(istio, dict) or "config" not in istio:
        return ""
    value = istio["config"]
    if not isinstance(value, str) or not value.startswith(_CONFIG):
        return "<unknown>"
    parts = value.split("/")
    return f"{parts[7]}.{parts[5]}" if len(parts) == 8 else ""


def match_text(match: Any) -> str:
    """A route's path match; headers are not shown."""
    parts = []
    if prefix := text(match, "prefix"):
        parts.append(f"{prefix}*")
    if prefix := text(match, "path_separated_prefix"):
        parts.append(f"PathPrefix:{prefix}")
    if whole := text(match, "path"):
        parts.append(whole)
    if isinstance(get(match, "safe_regex"), dict):
        parts.append(f"regex {text(match, 'safe_regex', 'regex')}")
    return " ".join(parts)


def cluster_text(name: str) -> str:
    """A cluster as a destination: Envoy's own (`PassthroughCluster`) by name, others with a word before."""
    return name if "Cluster" in name else f"Cluster: {name}"


def inline_route(config: dict[str, Any]) -> str:
    """The routes inside a listener: the cluster where everything goes to one, else every match."""
    hosts = dicts(get(config, "virtual_hosts"))
    if (single := _only_cluster(hosts)) is not None:
        return cluster_text(single)
    rows = []
    for host in hosts:
        domains = [str(domain) for domain in as_list(get(host, "domains"))]
        matches = ", ".join(match_text(get(route, "match")) for route in dicts(get(host, "routes")))
        shown = "" if domains == ["*"] else "/".join(domains)
        rows.append(f"{shown} {matches}" if shown else matches)
    return f"Inline Route: {'; '.join(rows)}"


def _only_cluster(hosts: list[dict[str, Any]]) -> str | None:
    if len(hosts) != 1 or get(hosts[0], "domains") != ["*"]:
        return None
    routes = dicts(get(hosts[0], "routes"))
    if len(routes) != 1 or text(routes[0], "match", "prefix") != "/":
        return None
    cluster = path(routes[0], "route", "cluster")
    return cluster if isinstance(cluster, str) and cluster else None


def same(left: str, right: str) -> bool:
    """strings.EqualFold."""
    return left.casefold() == right.casefold()
