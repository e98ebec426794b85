"""`proxy-config eds`, and the endpoints of `proxy-config all`: EDS as istiod sent it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh.kube import as_text, dicts
from bugbundle.views import gosort
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config import address
from bugbundle.views.proxy_config.dump import ConfigDump, get, path, resources
from bugbundle.views.proxy_config.endpoint import EndpointFilter, health
from bugbundle.views.proxy_config.text import cluster_name
from bugbundle.views.table import Table

MESSAGE = "envoy.config.endpoint.v3.ClusterLoadAssignment"


def summary(dump: ConfigDump, wanted: EndpointFilter, *, typed: bool = False) -> Table:
    """One row per endpoint; `typed` puts `endpoint/` before its name."""
    rows = [
        (f"endpoint/{name}" if typed else name, status, locality, cluster)
        for assignment in _assignments(dump, wanted)
        for name, status, locality, cluster in _rows(assignment)
    ]
    return Table(("NAME", "STATUS", "LOCALITY", "CLUSTER"), tuple(rows), padding=5)


def tree(dump: ConfigDump, wanted: EndpointFilter) -> list[Any]:
    """The assignments with the endpoints that are shown, as protobuf JSON."""
    return [shape(assignment, MESSAGE) for assignment in _assignments(dump, wanted)]


def _assignments(dump: ConfigDump, wanted: EndpointFilter) -> list[dict[str, Any]]:
    section = dump.optional("EndpointsConfigDump")
    found = [
        *resources(section, "dynamic_endpoint_configs", "endpoint_config"),
        *resources(section, "static_endpoint_configs", "endpoint_config"),
    ]
    kept = [shown for assignment in found if (shown := _filtered(assignment, wanted)) is not None]
    return gosort.sorted_by(kept, lambda one: cluster_name(as_text(get(one, "cluster_name"))))


def _filtered(assignment: dict[str, Any], wanted: EndpointFilter) -> dict[str, Any] | None:
    """The assignment with the endpoints that are shown; None where none is."""
    cluster = as_text(get(assignment, "cluster_name"))
    groups = []
    for group in dicts(get(assignment, "endpoints")):
        shown = [one for one in dicts(get(group, "lb_endpoints")) if _lets(wanted, one, cluster)]
        rest = {k: v for k, v in group.items() if k not in ("lb_endpoints", "lbEndpoints")}
        groups.append({**rest, "lb_endpoints": shown})
    if not any(group["lb_endpoints"] for group in groups):
        return None
    return {**assignment, "endpoints": groups}


def _lets(wanted: EndpointFilter, one: dict[str, Any], cluster: str) -> bool:
    main = path(one, "endpoint", "address")
    return wanted.lets(address.host_port(main), address.port(main), cluster, health(get(one, "health_status")))


def _rows(assignment: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    cluster = as_text(get(assignment, "cluster_name"))
    for group in dicts(get(assignment, "endpoints")):
        place = _locality(get(group, "locality"))
        for one in dicts(get(group, "lb_endpoints")):
            yield _name(one), health(get(one, "health_status")), place, cluster


def _name(one: dict[str, Any]) -> str:
    endpoint = get(one, "endpoint")
    more = dicts(get(endpoint, "additional_addresses"))
    return ",".join(address.host_port(get(each, "address")) for each in [endpoint, *more])


def _locality(locality: Any) -> str:
    """`region/zone/subzone`, up to the first that is empty."""
    parts = []
    for name in ("region", "zone", "sub_zone"):
        part = as_text(get(locality, name))
        if not part:
            break
        parts.append(part)
    return "/".join(parts)
