"""A connection as a listener of Envoy sees it.

Sources: source/extensions/filters/listener/{tls_inspector,http_inspector,original_dst},
source/common/listener_manager/active_tcp_socket.cc, envoy/api config/listener/v3/listener_components.proto.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts

TLS_INSPECTOR = "envoy.filters.listener.tls_inspector"
HTTP_INSPECTOR = "envoy.filters.listener.http_inspector"


@dataclass(frozen=True, slots=True)
class Connection:
    """Who connects to where, and what is spoken.

    `tls`: the first bytes are a ClientHello with `sni` and `alpn`; `principals` are the subject alternative names of
    the client's certificate. `protocol` is what is spoken inside: `http/1.1`, `http/1.0`, `h2`, `tcp`; `hidden` if
    that is TLS of the application, which no proxy can look into. `state` is filter state that the listener before
    passed on. `direct_ip` is the address of the other end of the socket.
    """

    source_ip: str = ""
    source_port: int = 0
    destination_ip: str = ""
    destination_port: int = 0
    tls: bool = False
    sni: str = ""
    alpn: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    protocol: str = "http/1.1"
    hidden: bool = False
    state: dict[str, str] = field(default_factory=dict)
    direct_ip: str = ""
    lenient: bool = False
    """Whether TLS is taken as it comes: a mode of mTLS is tried that the recorded chains do not have."""

    @property
    def identity(self) -> str:
        """The SPIFFE identity of the client, without `spiffe://`; empty where it showed none."""
        return next((san.removeprefix("spiffe://") for san in self.principals if san.startswith("spiffe://")), "")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the inspectors of a listener tell its filter chains: transport, server name, application protocols."""

    transport: str
    sni: str
    protocols: tuple[str, ...]


def inspect(listener: dict[str, Any], connection: Connection) -> Seen:
    """What the listener's inspectors see. Without `tls_inspector` TLS is not told from other bytes."""
    active = {_kind(one) for one in dicts(listener.get("listener_filters")) if not _disabled(one, connection)}
    if connection.tls:
        if TLS_INSPECTOR not in active:
            return Seen("raw_buffer", "", ())
        return Seen("tls", connection.sni.lower(), connection.alpn)
    if HTTP_INSPECTOR in active and connection.protocol in _INSPECTED:
        return Seen("raw_buffer", "", (_INSPECTED[connection.protocol],))
    return Seen("raw_buffer", "", ())


_INSPECTED = {"http/1.1": "http/1.1", "http/1.0": "http/1.0", "h2": "h2c"}


def _kind(item: dict[str, Any]) -> str:
    """A listener filter by its type, whatever it is called."""
    kind = as_text(as_dict(item.get("typed_config")).get("@type"))
    if kind.endswith(".TlsInspector"):
        return TLS_INSPECTOR
    if kind.endswith(".HttpInspector"):
        return HTTP_INSPECTOR
    return as_text(item.get("name"))


def _disabled(item: dict[str, Any], connection: Connection) -> bool:
    return "filter_disabled" in item and _predicate(as_dict(item["filter_disabled"]), connection.destination_port)


def _predicate(match: dict[str, Any], port: int) -> bool:
    """ListenerFilterChainMatchPredicate; the end of a port range is not in it."""
    if "or_match" in match:
        return any(_predicate(one, port) for one in dicts(as_dict(match["or_match"]).get("rules")))
    if "and_match" in match:
        return all(_predicate(one, port) for one in dicts(as_dict(match["and_match"]).get("rules")))
    if "not_match" in match:
        return not _predicate(as_dict(match["not_match"]), port)
    if "destination_port_range" in match:
        span = as_dict(match["destination_port_range"])
        return bool(span.get("start", 0) <= port < span.get("end", 0))
    return bool(match.get("any_match"))
