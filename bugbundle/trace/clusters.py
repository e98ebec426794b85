"""Where a cluster sends: its endpoints, which of them Envoy would take, and what it speaks to them.

Sources: source/common/upstream/{upstream_impl,load_balancer_impl,transport_socket_match_impl}.cc, envoy/api
config/cluster/v3/cluster.proto, config/endpoint/v3/endpoint_components.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.trace.balance import Host, Socket, usable
from bugbundle.trace.config import Body, Envoy, made_by
from bugbundle.trace.matchers import describe_string
from bugbundle.trace.model import Endpoint, Resource
from bugbundle.xds import Xds

TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
INTERNAL = "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport"
HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(slots=True)
class Target:
    """A cluster as it is used: `kind` EDS, STRICT_DNS, ORIGINAL_DST, …; `hosts` those that Envoy may choose."""

    name: str
    kind: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    resource: Resource | None = None
    made: Ref | None = None
    hosts: list[Host] = field(default_factory=list)
    all_hosts: list[Host] = field(default_factory=list)
    known: bool = True
    """Whether its endpoints were recorded."""

    endpoints_resource: Resource | None = None


def target(envoy: Envoy, name: str) -> Target | None:
    """A cluster of an Envoy; None where it has none of the name."""
    found = envoy.get(Xds.CDS, name)
    if found is None:
        return None
    body = found.body
    kind = as_text(body.get("type")) or ("STATIC" if "cluster_type" not in body else "CUSTOM")
    made = Target(name, kind, body, found.resource, made_by(body))
    _endpoints(envoy, made)
    return made


def _endpoints(envoy: Envoy, made: Target) -> None:
    assignment, where = _assignment(envoy, made)
    made.endpoints_resource = where
    live = envoy.live.get(made.name, {})
    if assignment is None:
        made.known = bool(live)
    elif made.kind in ("STRICT_DNS", "LOGICAL_DNS") and live:
        assignment = None
    rows = _from_assignment(assignment, made) if assignment is not None else _from_page(live, made)
    health = _health(live)
    made.all_hosts = [_healed(row, health) for row in rows]
    made.hosts = usable(made.body, made.all_hosts)


def _assignment(envoy: Envoy, made: Target) -> tuple[dict[str, Any] | None, Resource | None]:
    if made.kind == "EDS":
        service = as_text(as_dict(made.body.get("eds_cluster_config")).get("service_name"))
        found: Body | None = envoy.get(Xds.EDS, service or made.name) or envoy.get(Xds.EDS, made.name)
        return (found.body, found.resource) if found else (None, None)
    if isinstance(made.body.get("load_assignment"), dict):
        return made.body["load_assignment"], made.resource
    return None, None


def _from_assignment(assignment: dict[str, Any], made: Target) -> list[Host]:
    found = []
    for group in dicts(assignment.get("endpoints")):
        for item in dicts(group.get("lb_endpoints")):
            endpoint = as_dict(item.get("endpoint"))
            address, port, hop = _place(as_dict(endpoint.get("address")), as_dict(item.get("metadata")))
            one = Endpoint(address, port, as_text(item.get("health_status")) or "HEALTHY")
            metadata = as_dict(as_dict(item.get("metadata")).get("filter_metadata"))
            wanted = as_dict(metadata.get("envoy.transport_socket_match"))
            found.append(Host(one, socket_for(made.body, wanted), hop, int(group.get("priority", 0))))
    return found


def _place(address: dict[str, Any], metadata: dict[str, Any]) -> tuple[str, int, str]:
    """(address, port, waypoint) of an endpoint; of one behind an internal listener the address that it stands for."""
    socket = as_dict(address.get("socket_address"))
    if socket:
        port = socket.get("port_value", 0)
        return as_text(socket.get("address")), port if isinstance(port, int) else 0, ""
    internal = as_dict(address.get("envoy_internal_address"))
    if internal:
        filters = as_dict(metadata.get("filter_metadata"))
        original = as_dict(filters.get("envoy.filters.listener.original_dst"))
        stands = as_text(original.get("local")) or as_text(internal.get("endpoint_id"))
        host, _, port = stands.rpartition(":")
        waypoint = as_text(original.get("waypoint")).rpartition(":")[0].strip("[]")
        return (host.strip("[]"), int(port), waypoint) if port.isdigit() else (stands, 0, waypoint)
    return as_text(as_dict(address.get("pipe")).get("path")), 0, ""


def _from_page(live: dict[str, Any], made: Target) -> list[Host]:
    """The hosts of the page `clusters`, for clusters whose endpoints stand nowhere else (resolved names)."""
    found = []
    for row in dicts(live.get("host_statuses")):
        address, port, hop = _place(as_dict(row.get("address")), {})
        health = as_text(as_dict(row.get("health_status")).get("eds_health_status")) or "HEALTHY"
        found.append(Host(Endpoint(address, port, health), socket_for(made.body, {}), hop))
    return found


def _health(live: dict[str, Any]) -> dict[tuple[str, int], str]:
    """(address, port) → what Envoy itself found wrong of a host: ejected, or failed a health check."""
    found = {}
    for row in dicts(live.get("host_statuses")):
        status = as_dict(row.get("health_status"))
        address, port, _ = _place(as_dict(row.get("address")), {})
        if status.get("failed_outlier_check"):
            found[address, port] = "failed outlier check"
        elif status.get("failed_active_health_check"):
            found[address, port] = "failed active health check"
    return found


def _healed(host: Host, health: dict[tuple[str, int], str]) -> Host:
    wrong = health.get((host.endpoint.address, host.endpoint.port))
    return Host(host.endpoint._replace(health=wrong), host.socket, host.hop, host.priority) if wrong else host


def socket_for(cluster: dict[str, Any], wanted: dict[str, Any]) -> Socket:
    """The first match whose every value the endpoint has, else the cluster's own (TransportSocketMatcherImpl)."""
    for match in dicts(cluster.get("transport_socket_matches")):
        if all(wanted.get(key) == value for key, value in as_dict(match.get("match")).items()):
            return socket_of(as_dict(match.get("transport_socket")))
    return socket_of(as_dict(cluster.get("transport_socket")))


def socket_of(socket: dict[str, Any]) -> Socket:
    """A transport socket of a cluster."""
    config = as_dict(socket.get("typed_config"))
    kind = as_text(config.get("@type")).rpartition("/")[2]
    if kind == INTERNAL:
        return Socket("hbone")
    if kind != TLS:
        return Socket()
    common = as_dict(config.get("common_tls_context"))
    names = [as_text(one.get("name")) for one in dicts(common.get("tls_certificate_sds_secret_configs"))]
    combined = as_dict(common.get("combined_validation_context"))
    root = as_text(as_dict(combined.get("validation_context_sds_secret_config")).get("name"))
    mode = "istio" if {"default", "ROOTCA"} & {*names, root} else "tls"
    alpn = tuple(map(str, as_list(common.get("alpn_protocols"))))
    certificate = bool(names or common.get("tls_certificates"))
    return Socket(mode, as_text(config.get("sni")), alpn, _names(common, combined), certificate)


def _names(common: dict[str, Any], combined: dict[str, Any]) -> tuple[str, ...]:
    found = []
    for holder in (as_dict(common.get("validation_context")), as_dict(combined.get("default_validation_context"))):
        found += [describe_string(one) for one in san_matchers(holder)]
    return tuple(found)


def san_matchers(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The StringMatchers for the other side's names in a CertificateValidationContext."""
    typed = [as_dict(item.get("matcher")) for item in dicts(context.get("match_typed_subject_alt_names"))]
    return dicts(context.get("match_subject_alt_names")) + typed


def upstream_protocol(cluster: dict[str, Any], downstream: str) -> str:
    """What HTTP a cluster speaks: `h2` where it says so or follows the client's, else `http/1.1`."""
    options = as_dict(as_dict(cluster.get("typed_extension_protocol_options")).get(HTTP_OPTIONS))
    explicit = as_dict(options.get("explicit_http_config"))
    if explicit:
        return "h2" if "http2_protocol_options" in explicit else "http/1.1"
    if "use_downstream_protocol_config" in options:
        return downstream
    return "h2" if "http2_protocol_options" in cluster else "http/1.1"
