"""Envoy's admin pages: the forms that were not recorded, made from those that were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bugbundle.codec import JSONError, decode
from bugbundle.replay.pages import stats
from bugbundle.replay.pages.dump import narrow
from bugbundle.replay.pages.layout import ADMIN, ENVOY_METRICS, HEALTH, MERGED
from bugbundle.replay.pages.page import METRICS, TEXT, Page, canonical, sentence
from bugbundle.replay.pages.shelf import Shelf

_HEALTH_FLAGS = ("failed_active_health_check", "failed_outlier_check", "failed_active_degraded_check",
                 "pending_dynamic_removal", "pending_active_hc", "active_hc_timeout")  # fmt: skip


_EDS_FLAGS = {"UNHEALTHY": ["/failed_eds_health"], "DEGRADED": ["/degraded_eds_health"]}

Lines = Callable[[dict[str, Any]], Iterator[str]]
"""What one item of a JSON page reads as text."""


def derive(shelf: Shelf, port: int, path: str, query: dict[str, str]) -> Page | None:
    """A page of a proxy that follows from a recorded one; None where none does."""
    if port == ADMIN:
        maker = _MAKERS.get(path)
        return maker(shelf, query) if maker else shelf.find(port, canonical("GET", path, {}))
    if path in ("/stats/prometheus", "/metrics") and port == MERGED:
        return shelf.find(MERGED, "GET /stats/prometheus")
    if port == ENVOY_METRICS and path == "/stats/prometheus":
        return _prometheus(shelf)
    if port in (MERGED, HEALTH) and path == "/healthz/ready":
        # 15021 is Envoy's listener for the agent's own page on 15020.
        return shelf.find(HEALTH, "GET /healthz/ready")
    return None


def _config_dump(shelf: Shelf, query: dict[str, str]) -> Page | None:
    for request in ("GET /config_dump?include_eds=", "GET /config_dump?include_eds=true", "GET /config_dump"):
        page = shelf.find(ADMIN, request)
        if page is not None:
            return narrow(page.body, query) if page.status == 200 else page
    return shelf.missing(ADMIN, "GET /config_dump?include_eds=")


def _stats(shelf: Shelf, query: dict[str, str]) -> Page | None:
    if query.get("format") == "prometheus":
        return _prometheus(shelf)
    page = shelf.page(ADMIN, "GET /stats")
    return stats.stats(page.body.decode("utf-8", "replace"), query) if page.status == 200 else page


def _stats_prometheus(shelf: Shelf, query: dict[str, str]) -> Page | None:
    return _prometheus(shelf)


def _prometheus(shelf: Shelf) -> Page | None:
    """Envoy's own metrics out of what the agent merged."""
    page = shelf.page(MERGED, "GET /stats/prometheus")
    if page.status != 200:
        return page
    text = stats.envoys_own(page.body.decode("utf-8", "surrogateescape"))
    return Page(200, {"content-type": METRICS}, text.encode("utf-8", "surrogateescape"))


def _logging(shelf: Shelf, query: dict[str, str]) -> Page | None:
    return sentence(405, "Method GET not allowed, POST required.")


def _clusters(shelf: Shelf, query: dict[str, str]) -> Page | None:
    return _text_of(shelf, "GET /clusters?format=json", "cluster_statuses", cluster_lines)


def _listeners(shelf: Shelf, query: dict[str, str]) -> Page | None:
    return _text_of(shelf, "GET /listeners?format=json", "listener_statuses", listener_lines)


def _text_of(shelf: Shelf, request: str, member: str, lines: Callable[[dict[str, Any]], Iterator[str]]) -> Page:
    """The text form of a page that was recorded as JSON."""
    page = shelf.page(ADMIN, request)
    if page.status != 200:
        return page
    try:
        found = _dict(decode(page.body)).get(member)
    except JSONError:
        return sentence(500, f"The recorded answer to {request} is not JSON.")
    rows = [line for item in _list(found) for line in lines(_dict(item))]
    return Page(200, {"content-type": TEXT}, "".join(f"{row}\n" for row in rows).encode("utf-8", "replace"))


def listener_lines(status: dict[str, Any]) -> Iterator[str]:
    """`NAME::ADDRESS`, main and additional addresses (source/server/admin/listeners_handler.cc)."""
    for spot in (status.get("local_address"), *_list(status.get("additional_local_addresses"))):
        yield f"{status.get('name', '')}::{_address(spot)}"


def cluster_lines(status: dict[str, Any]) -> Iterator[str]:
    """One cluster as `/clusters` prints it (source/server/admin/clusters_handler.cc).

    Without the `outlier` lines of clusters with outlier detection: the JSON does not hold their averages.
    """
    name = status.get("name", "")
    yield f"{name}::observability_name::{status.get('observability_name', name)}"
    for limit in _list(_dict(status.get("circuit_breakers")).get("thresholds")):
        level = "high" if _dict(limit).get("priority") == "HIGH" else "default"
        for key in ("max_connections", "max_pending_requests", "max_requests", "max_retries"):
            yield f"{name}::{level}_priority::{key}::{_dict(limit).get(key, 0)}"
    yield f"{name}::added_via_api::{_bool(status.get('added_via_api'))}"
    if status.get("eds_service_name"):
        yield f"{name}::eds_service_name::{status['eds_service_name']}"
    for host in _list(status.get("host_statuses")):
        yield from _host_lines(name, _dict(host))


def _host_lines(name: str, host: dict[str, Any]) -> Iterator[str]:
    head = f"{name}::{_address(host.get('address'))}"
    for stat in sorted((_dict(stat) for stat in _list(host.get("stats"))), key=lambda one: str(one.get("name"))):
        yield f"{head}::{stat.get('name', '')}::{stat.get('value', 0)}"
    place = _dict(host.get("locality"))
    health = _dict(host.get("health_status"))
    flags = [f"/{flag}" for flag in _HEALTH_FLAGS if health.get(flag)]
    flags += _EDS_FLAGS.get(str(health.get("eds_health_status")), [])
    yield f"{head}::hostname::{host.get('hostname', '')}"
    yield f"{head}::health_flags::{''.join(flags) or 'healthy'}"
    yield f"{head}::weight::{host.get('weight', 1)}"
    for key, field in (("region", "region"), ("zone", "zone"), ("sub_zone", "sub_zone")):
        yield f"{head}::{key}::{place.get(field, '')}"
    yield f"{head}::canary::{_bool(host.get('canary'))}"
    yield f"{head}::priority::{host.get('priority', 0)}"
    yield f"{head}::success_rate::{_percent(host.get('success_rate'), '-1')}"
    yield f"{head}::local_origin_success_rate::{_percent(host.get('local_origin_success_rate'), '-1')}"


def _address(spot: Any) -> str:
    """An address as Envoy prints it: `ip:port`, `[ip]:port`, a path, `envoy://LISTENER/ID`."""
    value = _dict(spot)
    socket, pipe = _dict(value.get("socket_address")), _dict(value.get("pipe"))
    internal = _dict(value.get("envoy_internal_address"))
    if socket:
        ip = str(socket.get("address", ""))
        return f"[{ip}]:{socket.get('port_value', 0)}" if ":" in ip else f"{ip}:{socket.get('port_value', 0)}"
    if internal:
        return f"envoy://{internal.get('server_listener_name', '')}/{internal.get('endpoint_id', '')}"
    return str(pipe.get("path", ""))


def _percent(value: Any, otherwise: str) -> str:
    number = _dict(value).get("value")
    if isinstance(number, int | float) and abs(number) < 1e300:
        return f"{number:g}"
    return otherwise


def _bool(value: Any) -> str:
    return "true" if value is True else "false"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_MAKERS: dict[str, Callable[[Shelf, dict[str, str]], Page | None]] = {
    "/config_dump": _config_dump,
    "/clusters": _clusters,
    "/listeners": _listeners,
    "/stats": _stats,
    "/stats/prometheus": _stats_prometheus,
    "/logging": _logging,
}
