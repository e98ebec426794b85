"""`proxy-config listener`: LDS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.codec import encode
from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.views import gosort
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config import address
from bugbundle.views.proxy_config.dump import ConfigDump, get, number, path, resources, text
from bugbundle.views.proxy_config.text import cluster_text, inline_route, same
from bugbundle.views.table import Table

MESSAGE = "envoy.config.listener.v3.Listener"
HTTP = "envoy.filters.network.http_connection_manager"
TCP = "envoy.filters.network.tcp_proxy"
_ALPN = {
    ("http/1.0", "http/1.1", "h2c", "istio-http/1.0", "istio-http/1.1", "istio-h2"): "HTTP TLS",
    ("istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"): "Istio HTTP Plain",
    ("istio-peer-exchange", "istio"): "TCP TLS",
    ("http/1.0", "http/1.1", "h2c"): "HTTP",
}


@dataclass(frozen=True, slots=True)
class ListenerFilter:
    """Address and type without regard to case, the port exactly; empty and 0 let everything through."""

    address: str = ""
    port: int = 0
    type: str = ""

    def lets(self, listener: dict[str, Any]) -> bool:
        """Whether a listener is shown."""
        if self.address and not any(same(one, self.address) for one in addresses(listener)):
            return False
        if self.port and port(listener) != self.port:
            return False
        return not self.type or same(type_of(listener), self.type)


def summary(dump: ConfigDump, wanted: ListenerFilter, *, verbose: bool = True, typed: bool = False) -> Table:
    """One row per filter chain, or per listener where not verbose; `typed` adds the column NAME."""
    found = [listener for listener in listeners(dump) if wanted.lets(listener)]
    found = gosort.sorted_by(found, lambda one: (port(one), main_address(one), type_of(one)))
    columns = ("ADDRESSES", "PORT", *(("MATCH", "DESTINATION") if verbose else ("TYPE",)))
    rows = []
    for listener in found:
        head: tuple[str, ...] = (",".join(addresses(listener)), str(port(listener)))
        if typed:
            head = (f"listener/{as_text(get(listener, 'name'))}", *head)
        if verbose:
            rows += [(*head, *row) for row in _chains(listener)]
        else:
            rows.append((*head, type_of(listener)))
    return Table(("NAME", *columns) if typed else columns, tuple(rows), padding=1)


def tree(dump: ConfigDump, wanted: ListenerFilter) -> list[Any]:
    """The listeners as protobuf JSON, in the dump's order, dynamic before static."""
    return [shape(listener, MESSAGE) for listener in listeners(dump) if wanted.lets(listener)]


def listeners(dump: ConfigDump) -> list[dict[str, Any]]:
    """The active dynamic listeners, then the static ones."""
    try:
        section = dump.section("ListenersConfigDump")
    except DumpError as error:
        if error.where:
            raise
        raise DumpError(f"listener dump: {error.what}") from None
    found = [
        *resources(section, "dynamic_listeners", "active_state", "listener"),
        *resources(section, "static_listeners", "listener"),
    ]
    if not found:
        raise DumpError("no listeners found")
    return found


def filter_chains(listener: dict[str, Any]) -> list[dict[str, Any]]:
    """The chains, the default one last."""
    default = get(listener, "default_filter_chain")
    return [*dicts(get(listener, "filter_chains")), *([default] if isinstance(default, dict) else [])]


def main_address(listener: dict[str, Any]) -> str:
    """The address that it listens on: of a socket, or the path of a pipe."""
    found = get(listener, "address")
    if address.socket(found) is not None:
        return text(found, "socket_address", "address")
    return text(found, "pipe", "path")


def addresses(listener: dict[str, Any]) -> list[str]:
    """The main address and the additional ones."""
    more = dicts(get(listener, "additional_addresses"))
    return [main_address(listener), *(text(one, "address", "socket_address", "address") for one in more)]


def port(listener: dict[str, Any]) -> int:
    """The port of its socket; 0 where it has none."""
    return address.port(get(listener, "address"))


def type_of(listener: dict[str, Any]) -> str:
    """`HTTP`, `TCP`, `HTTP+TCP` or `UNKNOWN`, by the filters of its chains."""
    filters = [one for chain in filter_chains(listener) for one in dicts(get(chain, "filters"))]
    http = any(get(one, "name") == HTTP for one in filters)
    tcp = any(get(one, "name") == TCP and not _is_black_hole(one) for one in filters)
    if http:
        return "HTTP+TCP" if tcp else "HTTP"
    return "TCP" if tcp else "UNKNOWN"


def _is_black_hole(one: dict[str, Any]) -> bool:
    return b"BlackHoleCluster" in encode(get(one, "typed_config"))


def _chains(listener: dict[str, Any]) -> list[tuple[str, str]]:
    """(match, destination) of each chain, by destination from the last to the first."""
    rows = [(chain_match(get(chain, "filter_chain_match")), destination(chain)) for chain in filter_chains(listener)]
    return gosort.sort_slice(rows, lambda a, b: a[1] > b[1])


def chain_match(match: Any) -> str:
    """What a chain matches: names, transport, ALPN, address and port; `ALL` where nothing."""
    parts = []
    if names := as_list(get(match, "server_names")):
        parts.append(f"SNI: {_joined(names)}")
    if transport := text(match, "transport_protocol"):
        parts.append(f"Trans: {transport}")
    if protocols := as_list(get(match, "application_protocols")):
        known = _ALPN.get(tuple(map(str, protocols)))
        parts.append(f"App: {known or _joined(protocols)}")
    ending = f":{number(match, 'destination_port')}" if get(match, "destination_port") is not None else ""
    if ranges := dicts(get(match, "prefix_ranges")):
        listed = (f"{text(one, 'address_prefix')}/{number(one, 'prefix_len')}" for one in ranges)
        parts.append(f"Addr: {','.join(listed)}{ending}")
    elif ending:
        parts.append(f"Addr: *{ending}")
    return "; ".join(parts) or "ALL"


def _joined(values: list[Any]) -> str:
    return ",".join(map(str, values))


def destination(chain: dict[str, Any]) -> str:
    """Where a chain sends: the first filter that decides it."""
    for one in dicts(get(chain, "filters")):
        name = get(one, "name")
        typed = get(one, "typed_config")
        if name == HTTP:
            inline = get(typed, "route_config")
            if isinstance(inline, dict):
                return inline_route(inline)
            route = text(path(typed, "rds"), "route_config_name")
            return f"Route: {route}" if route else "HTTP"
        if name == TCP and not _is_black_hole(one):
            return cluster_text(text(typed, "cluster"))
    return "Non-HTTP/Non-TCP"
