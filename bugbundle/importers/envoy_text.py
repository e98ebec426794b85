"""Envoy's `/clusters` and `/listeners` as text, to what they answer with `format=json`.

Source: Envoy's source/server/admin/clusters_handler.cc and listeners_handler.cc, which write both forms of the same
state; the JSON form is envoy.admin.v3.Clusters and .Listeners.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.codec import encode

_ROW = re.compile(r"(.*)::([a-z_]+)::(.*)")
_STATS = ("cx_connect_fail", "cx_total", "rq_error", "rq_success", "rq_timeout", "rq_total")
_GAUGES = ("cx_active", "rq_active")
_FLAGS = {
    "failed_active_hc": ("failed_active_health_check", True),
    "failed_outlier_check": ("failed_outlier_check", True),
    "degraded_active_hc": ("failed_active_degraded_check", True),
    "pending_dynamic_removal": ("pending_dynamic_removal", True),
    "pending_active_hc": ("pending_active_hc", True),
    "excluded_via_immediate_hc_fail": ("excluded_via_immediate_hc_fail", True),
    "active_hc_timeout": ("active_hc_timeout", True),
    "failed_eds_health": ("eds_health_status", "UNHEALTHY"),
    "degraded_eds_health": ("eds_health_status", "DEGRADED"),
    "eds_status_draining": ("eds_health_status", "DRAINING"),
}
_SETTINGS = ("max_connections", "max_pending_requests", "max_requests", "max_retries")
_ADDRESS = re.compile(r"\[?([^\]]*)\]?:(\d+)")
_LISTENER = re.compile(
    rb"[^\n:]*(?:_\d+|[a-zA-Z][\w.-]*)::(?:[\d.]+:\d+|\[[0-9a-f:]*\]:\d+|/[^\n]*|envoy://[^\n]*)\r?\n"
)
_INTERNAL = "envoy://"


def is_clusters(head: bytes) -> bool:
    """Whether a text begins as `/clusters` does."""
    return re.match(rb"[^\n]*::(observability_name|default_priority::|added_via_api|outlier::)", head) is not None


def is_listeners(head: bytes) -> bool:
    """Whether a text begins as `/listeners` does."""
    return _LISTENER.match(head) is not None


def clusters(data: bytes) -> bytes:
    """`/clusters` as JSON."""
    made: dict[str, dict[str, Any]] = {}
    hosts: dict[str, dict[str, dict[str, str]]] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        row = _ROW.fullmatch(line)
        if row is None:
            continue
        name, _, rest = row[1].partition("::")
        cluster = made.setdefault(name, {"name": name})
        if not rest:
            _of_cluster(cluster, row[2], row[3])
        elif rest in ("default_priority", "high_priority"):
            _limit(cluster, rest == "high_priority", row[2], row[3])
        elif rest != "outlier":
            hosts.setdefault(name, {}).setdefault(rest, {})[row[2]] = row[3]
    for name, found in hosts.items():
        made[name]["host_statuses"] = [_host(address, values) for address, values in found.items()]
    return encode({"cluster_statuses": list(made.values())})


def _of_cluster(cluster: dict[str, Any], key: str, value: str) -> None:
    if key == "added_via_api":
        if value == "true":
            cluster["added_via_api"] = True
    elif key in ("observability_name", "eds_service_name"):
        cluster[key] = value


def _limit(cluster: dict[str, Any], high: bool, key: str, value: str) -> None:
    if key not in _SETTINGS or not value.isdigit():
        return
    limits = cluster.setdefault("circuit_breakers", {"thresholds": [{}, {"priority": "HIGH"}]})["thresholds"]
    limits[1 if high else 0][key] = int(value)


def _host(address: str, values: dict[str, str]) -> dict[str, Any]:
    stats = [_stat(name, values, {}) for name in _STATS if name in values]
    stats += [_stat(name, values, {"type": "GAUGE"}) for name in _GAUGES if name in values]
    host: dict[str, Any] = {"address": _address(address), "stats": stats}
    host["health_status"] = _health(values.get("health_flags", ""))
    if values.get("hostname"):
        host["hostname"] = values["hostname"]
    if values.get("weight", "").isdigit():
        host["weight"] = int(values["weight"])
    if values.get("priority", "0") not in ("0", "") and values["priority"].isdigit():
        host["priority"] = int(values["priority"])
    host["locality"] = {key: values[key] for key in ("region", "zone", "sub_zone") if values.get(key)}
    return host


def _stat(name: str, values: dict[str, str], kind: dict[str, str]) -> dict[str, str]:
    value = values[name]
    return {**kind, **({"value": value} if value not in ("0", "") else {}), "name": name}


def _health(flags: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for flag in flags.split("/"):
        if flag in _FLAGS:
            key, value = _FLAGS[flag]
            found[key] = value
    return {"eds_health_status": "HEALTHY", **found}


def _address(text: str) -> dict[str, Any]:
    if text.startswith(_INTERNAL):
        listener, _, endpoint = text.removeprefix(_INTERNAL).partition("/")
        internal = {"server_listener_name": listener, **({"endpoint_id": endpoint} if endpoint else {})}
        return {"envoy_internal_address": internal}
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return {"pipe": {"path": text}}
    return {"socket_address": {"address": match[1], "port_value": int(match[2][:6])}}


def listeners(data: bytes) -> bytes:
    """`/listeners` as JSON."""
    found: dict[str, dict[str, Any]] = {}
    for line in data.decode("utf-8", "replace").splitlines():
        name, mark, address = line.partition("::")
        if not mark or not address:
            continue
        if name in found:
            found[name].setdefault("additional_local_addresses", []).append(_address(address))
        else:
            found[name] = {"name": name, "local_address": _address(address)}
    return encode({"listener_statuses": list(found.values())})
