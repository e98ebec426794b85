"""A recorded Envoy's configuration as a bootstrap that runs on loopback."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import Any

from oracle import keys

ALTERED = (
    "listeners that Envoy binds get a free port and the PROXY protocol filter, which gives each connection the source "
    "and destination that iptables would have kept; listeners that are not bound stay as they are",
    "main_internal is bound like the others; the principal that HBONE brings comes with the PROXY protocol",
    "keys and certificates are made here: each SDS secret by one authority; the server's checks of names stay",
    "RDS and ECDS are written into the listener, EDS into the cluster",
    "upstream TLS, HBONE, HTTP/2 options, health checks, outlier detection, binding of source addresses are taken "
    "away: upstreams are echo servers on 127.0.0.0/8",
    "clusters to the original destination and by DNS get a static echo endpoint (DNS: as many as were resolved)",
    "the external authorizer allows everything, and is asked as the recorded cluster speaks",
    "remote key sets become one of our own",
    "access logs are replaced by one in JSON; tracing is taken away; overload and runtime stay Envoy's defaults",
)

TYPE = "type.googleapis.com/"
HCM = "HttpConnectionManager"
LOG = {
    "id": "%REQ(x-oracle-id)%",
    "remote": "%DOWNSTREAM_REMOTE_ADDRESS%",
    "code": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "details": "%RESPONSE_CODE_DETAILS%",
    "ended": "%CONNECTION_TERMINATION_DETAILS%",
    "cluster": "%UPSTREAM_CLUSTER_RAW%",
    "route": "%ROUTE_NAME%",
    "host": "%UPSTREAM_HOST%",
    "chain": "%FILTER_CHAIN_NAME%",
}


@dataclass(slots=True)
class Ports:
    """Where the echo servers and the authorizer listen, and where certificates lie."""

    echo: int
    authorizer: int
    folder: str


@dataclass(slots=True)
class Adapted:
    """A bootstrap; `doors` are (listener's name, its own port → the port that is bound)."""

    bootstrap: dict[str, Any]
    doors: dict[str, int] = field(default_factory=dict)


def loopback(address: str) -> str:
    """One address of 127.0.0.0/8 for each recorded one, whose end it keeps."""
    try:
        number = int(ipaddress.ip_address(address))
    except ValueError:
        number = sum(address.encode())
    low = number & 0xFFFFFF
    return str(ipaddress.ip_address(0x7F000000 | (low or 1)))


class Adapter:
    """One proxy's resources, adapted."""

    def __init__(self, bodies: dict[str, dict[str, Any]], live: dict[str, Any], ports: Ports, free: Any) -> None:
        self.bodies = bodies
        self.live = live
        self.ports = ports
        self.free = free
        self.authorizers: set[str] = set()

    def run(self, log: str, admin: int) -> Adapted:
        """The bootstrap; `log` is the file of the access log, `admin` the port of the admin page."""
        self.log = log
        doors: dict[str, int] = {}
        listeners = [self._listener(name, body, doors) for name, body in self.bodies["LDS"].items()]
        clusters = [self._cluster(name, body) for name, body in self.bodies["CDS"].items()]
        bootstrap = {
            "admin": {"address": _address("127.0.0.1", admin)},
            "static_resources": {"listeners": [one for one in listeners if one], "clusters": clusters},
        }
        return Adapted(bootstrap, doors)

    def _access_log(self, kind: str) -> list[dict[str, Any]]:
        fields = {**LOG, "kind": kind}
        if kind != "http":
            fields["id"] = "-"
        config = {"@type": f"{TYPE}envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": self.log,
                  "log_format": {"json_format": fields}}  # fmt: skip
        return [{"name": "envoy.access_loggers.file", "typed_config": config}]

    def _listener(self, name: str, body: dict[str, Any], doors: dict[str, int]) -> dict[str, Any] | None:
        made = _copy(body)
        made.pop("@type", None)
        for odd in ("connection_balance_config", "max_connections_to_accept_per_socket_event", "socket_options",
                    "tcp_fast_open_queue_length", "transparent", "freebind", "enable_reuse_port"):  # fmt: skip
            made.pop(odd, None)
        bound = made.get("bind_to_port", True) is not False and name != "connect_terminate"
        waypoint = name == "main_internal"
        if "internal_listener" in made and not waypoint:
            return None
        socket = made.get("address", {}).get("socket_address", {})
        if socket.get("port_value") in (15090, 15021, 15008) and bound:
            return None
        if bound or waypoint:
            doors[name] = self.free()
            made.pop("internal_listener", None)
            made.pop("bind_to_port", None)
            made["address"] = _address("127.0.0.1", doors[name])
            made.pop("additional_addresses", None)
            own = [one for one in made.get("listener_filters", []) if "OriginalDst" not in str(one.get("typed_config"))]
            made["listener_filters"] = [_PROXY_PROTOCOL, *own]
        for chain in [*made.get("filter_chains", []), made.get("default_filter_chain")]:
            if chain:
                self._chain(chain, waypoint)
        if isinstance(made.get("default_filter_chain"), dict):
            made["default_filter_chain"].pop("filter_chain_match", None)
        made["access_log"] = self._access_log("listener")
        return made

    def _chain(self, chain: dict[str, Any], waypoint: bool) -> None:
        context = chain.get("transport_socket", {}).get("typed_config")
        if context and context["@type"].endswith("DownstreamTlsContext"):
            self._secrets(context["common_tls_context"], "server")
        kept = [item for item in chain.get("filters", []) if not _network_state(item)]
        if waypoint:
            kept.insert(0, _PRINCIPAL)
        chain["filters"] = kept
        for item in kept:
            config = item.get("typed_config", {})
            if config.get("@type", "").endswith(HCM):
                self._manager(config)
            elif config.get("@type", "").endswith("TcpProxy"):
                config["access_log"] = self._access_log("tcp")
                config.pop("tunneling_config", None)
            elif config.get("@type", "").endswith("ExtAuthz"):
                self._authorizer(config)

    def _manager(self, config: dict[str, Any]) -> None:
        config["access_log"] = self._access_log("http")
        config.pop("tracing", None)
        if "rds" in config:
            name = config.pop("rds")["route_config_name"]
            found = self.bodies["RDS"].get(name)
            config["route_config"] = _copy(found) if found else {"name": name}
            config["route_config"].pop("@type", None)
        config["route_config"]["validate_clusters"] = False
        for item in config.get("http_filters", []):
            if item.pop("config_discovery", None) is not None:
                found = self.bodies["ECDS"].get(item["name"], {})
                item["typed_config"] = _copy(found.get("typed_config", {}))
            inner = item.get("typed_config", {})
            if inner.get("@type", "").endswith("ExtAuthz"):
                self._authorizer(inner)
            if inner.get("@type", "").endswith("JwtAuthentication"):
                for provider in inner.get("providers", {}).values():
                    provider.pop("remote_jwks", None)
                    provider.setdefault("local_jwks", {"inline_string": keys.jwks()})

    def _authorizer(self, config: dict[str, Any]) -> None:
        """Clusters that are asked over gRPC go to the authorizer that allows everything."""
        name = config.get("grpc_service", {}).get("envoy_grpc", {}).get("cluster_name")
        if name:
            self.authorizers.add(name)

    def _secrets(self, common: dict[str, Any], role: str) -> None:
        folder = self.ports.folder
        chain = {"filename": f"{folder}/{role}.crt"}, {"filename": f"{folder}/{role}.key"}
        if common.pop("tls_certificate_sds_secret_configs", None) is not None:
            common["tls_certificates"] = [{"certificate_chain": chain[0], "private_key": chain[1]}]
        trusted = {"trusted_ca": {"filename": f"{folder}/ca.crt"}}
        combined = common.pop("combined_validation_context", None)
        if combined is not None:
            common["validation_context"] = {**combined.get("default_validation_context", {}), **trusted}
        if common.pop("validation_context_sds_secret_config", None) is not None:
            common["validation_context"] = trusted

    def _cluster(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"name": name, "type": "STATIC", "connect_timeout": "2s"}
        for kept in ("common_lb_config", "metadata"):
            if kept in body:
                made[kept] = _copy(body[kept])
        for odd in ("locality_weighted_lb_config", "zone_aware_lb_config"):
            made.get("common_lb_config", {}).pop(odd, None)
        made["load_assignment"] = {"cluster_name": name, "endpoints": self._endpoints(name, body)}
        if name in self.authorizers:
            made["load_assignment"]["endpoints"] = [_group("127.0.0.1", self.ports.authorizer)]
            for options in ("typed_extension_protocol_options", "http2_protocol_options"):
                if options in body:
                    made[options] = _copy(body[options])
        return made

    def _endpoints(self, name: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        kind = body.get("type", "STATIC")
        if kind == "ORIGINAL_DST":
            return [_group("127.0.0.1", self.ports.echo)]
        if kind == "EDS":
            service = body.get("eds_cluster_config", {}).get("service_name") or name
            found = self.bodies["EDS"].get(service) or self.bodies["EDS"].get(name) or {}
            return [self._locality(one) for one in found.get("endpoints", [])]
        if kind in ("STRICT_DNS", "LOGICAL_DNS"):
            rows = self.live.get(name, {}).get("host_statuses", [])
            places = [row.get("address", {}).get("socket_address", {}).get("address", "") for row in rows]
            return [_group(loopback(place), self.ports.echo) for place in places if place]
        return [self._locality(one) for one in body.get("load_assignment", {}).get("endpoints", [])]

    def _locality(self, group: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"lb_endpoints": []}
        if "priority" in group:
            made["priority"] = group["priority"]
        for item in group.get("lb_endpoints", []):
            one: dict[str, Any] = {"endpoint": {"address": _address(loopback(_stands_for(item)), self.ports.echo)}}
            if "health_status" in item:
                one["health_status"] = item["health_status"]
            made["lb_endpoints"].append(one)
        return made


def _stands_for(item: dict[str, Any]) -> str:
    """The address of an endpoint, of an internal one the workload's."""
    address = item.get("endpoint", {}).get("address", {})
    if "socket_address" in address:
        return address["socket_address"]["address"]
    local = (
        item.get("metadata", {}).get("filter_metadata", {}).get("envoy.filters.listener.original_dst", {}).get("local")
    )
    return (local or address.get("envoy_internal_address", {}).get("endpoint_id", "0.0.0.1:1")).rpartition(":")[0]


def _network_state(item: dict[str, Any]) -> bool:
    return "set_filter_state" in item.get("typed_config", {}).get("@type", "")


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _group(host: str, port: int) -> dict[str, Any]:
    return {"lb_endpoints": [{"endpoint": {"address": _address(host, port)}}]}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


TLV = 0xEA
_PROXY_PROTOCOL = {
    "name": "envoy.filters.listener.proxy_protocol",
    "typed_config": {
        "@type": f"{TYPE}envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
        "rules": [{"tlv_type": TLV, "on_tlv_present": {"key": "principal"}}],
    },
}
_PRINCIPAL = {
    "name": "oracle.principal",
    "typed_config": {
        "@type": f"{TYPE}envoy.extensions.filters.network.set_filter_state.v3.Config",
        "on_new_connection": [
            {
                "object_key": "io.istio.peer_principal",
                "factory_key": "envoy.string",
                "format_string": {
                    "text_format_source": {
                        "inline_string": "%DYNAMIC_METADATA(envoy.filters.listener.proxy_protocol:principal)%"
                    }
                },
            }
        ],
    },
}
