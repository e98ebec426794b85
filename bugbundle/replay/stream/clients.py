"""Who is connected to an istiod and how each type stands, from its recorded `debug/syncz`.

The rule of a type's state is istiod's own (pilot/pkg/xds/statusgen.go): the last answer was a rejection →
ERROR; nothing sent → NOT_SENT; acknowledged what was sent → SYNCED; else STALE.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bugbundle.codec import JSONError, decode

_TYPES = {
    "cluster": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "listener": "type.googleapis.com/envoy.config.listener.v3.Listener",
    "route": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
    "endpoint": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
    "extensionconfig": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
}
"""The nonces of an istiod before 1.23, which tells only of these types."""


_NO_VERSION = "65536."
"""How istiod writes the version of a client that says none (pilot/pkg/model, MaxIstioVersion)."""


@dataclass(frozen=True, slots=True)
class TypeState:
    """One type: `state` names a ConfigStatus, `sent` is when the last was sent, `error` the rejection."""

    url: str
    state: str
    sent: datetime | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """One connection: node id (`pod.namespace`), what istioctl shows of its metadata, its types by URL."""

    node: str
    metadata: dict[str, str]
    types: tuple[TypeState, ...]


def clients(syncz: bytes, shift: timedelta) -> list[Client]:
    """The connections that istiod tells over XDS, times moved by `shift`; none where the page is odd.

    istiod leaves out who is neither a proxy nor a ztunnel (queries by istioctl); those say no version.
    """
    try:
        rows = decode(syncz)
    except JSONError:
        return []
    known = (row for row in _list(rows) if isinstance(row, dict) and _is_proxy(row))
    return [_client(row, shift) for row in known]


def _is_proxy(row: dict[str, Any]) -> bool:
    version = _text(row.get("istio_version")) or _text(row.get("proxy_version"))
    versioned = version and not version.startswith(_NO_VERSION)
    return bool(_text(row.get("proxy")) and (versioned or row.get("proxy_type") == "ztunnel"))


def _client(row: dict[str, Any], shift: timedelta) -> Client:
    node = _text(row["proxy"])
    said = {
        "CLUSTER_ID": _text(row.get("cluster_id")),
        "NAMESPACE": node.rpartition(".")[2],
        "ISTIO_VERSION": _text(row.get("istio_version")) or _text(row.get("proxy_version")),
    }
    resources = row.get("resources")
    if isinstance(resources, dict):
        types = [_state(url, state, shift) for url, state in resources.items() if isinstance(state, dict)]
    else:
        types = [_old_state(row, name, url) for name, url in _TYPES.items()]
    metadata = {name: value for name, value in said.items() if value}
    return Client(node, metadata, tuple(sorted(types, key=lambda state: state.url)))


def _state(url: str, state: dict[str, Any], shift: timedelta) -> TypeState:
    sent, acked, error = _text(state.get("sent")), _text(state.get("acked")), _text(state.get("lastError"))
    return TypeState(url, _word(sent, acked, error), _moved(_text(state.get("sentTime")), shift), error)


def _old_state(row: dict[str, Any], name: str, url: str) -> TypeState:
    return TypeState(url, _word(_text(row.get(f"{name}_sent")), _text(row.get(f"{name}_acked")), ""))


def _word(sent: str, acked: str, error: str) -> str:
    if error:
        return "ERROR"
    if not sent:
        return "NOT_SENT"
    return "SYNCED" if sent == acked else "STALE"


def _moved(text: str, shift: timedelta) -> datetime | None:
    try:
        when = datetime.fromisoformat(text) + shift
    except (ValueError, OverflowError):
        return None
    return when if when.tzinfo else None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
