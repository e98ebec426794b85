"""Envoy's addresses as text."""

from __future__ import annotations

from typing import Any

from bugbundle.views.proxy_config.dump import get, number, path, text


def socket(address: Any) -> Any:
    """The socket address; None for other kinds of address."""
    found = get(address, "socket_address")
    return found if isinstance(found, dict) else None


def host_port(address: Any) -> str:
    """`ip:port`, the path of a pipe, `envoy://listener/endpoint`, or `unknown`."""
    if (found := socket(address)) is not None:
        return f"{text(found, 'address')}:{number(found, 'port_value')}"
    if isinstance(get(address, "pipe"), dict):
        return text(address, "pipe", "path")
    return internal(address) or "unknown"


def internal(address: Any) -> str:
    """`envoy://listener/endpoint` of an internal address; empty for other kinds."""
    inner = get(address, "envoy_internal_address")
    if not isinstance(inner, dict) or get(inner, "server_listener_name") is None:
        return ""
    return f"envoy://{text(inner, 'server_listener_name')}/{text(inner, 'endpoint_id')}"


def port(address: Any) -> int:
    """The port of a socket address; 0 for other kinds."""
    return number(path(address, "socket_address"), "port_value")
