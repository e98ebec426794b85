"""`proxy-config route`: RDS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.views import gosort
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config.dump import ConfigDump, get, path, resources
from bugbundle.views.proxy_config.text import match_text, owner
from bugbundle.views.table import Table

MESSAGE = "envoy.config.route.v3.RouteConfiguration"
_NUMBER = re.compile(r"[-+]?[0-9]{1,18}")
_SHOWN = 2


def summary(dump: ConfigDump, name: str = "", *, verbose: bool = True, typed: bool = False) -> Table:
    """One row per route, or per route configuration where not verbose; `name` is matched exactly."""
    wanted = [route for route in _routes(dump) if not name or as_text(get(route, "name")) == name]
    if verbose:
        columns: tuple[str, ...] = ("NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE")
        rows = [row for route in wanted for row in _rows(route, typed)]
    else:
        columns = ("NAME", "VIRTUAL HOSTS")
        rows = [(_name(route, typed), str(len(dicts(get(route, "virtual_hosts"))))) for route in wanted]
    return Table(columns, tuple(rows), padding=5)


def tree(dump: ConfigDump, name: str = "") -> list[Any]:
    """The route configurations as protobuf JSON."""
    return [shape(r, MESSAGE) for r in _routes(dump) if not name or as_text(get(r, "name")) == name]


def _name(route: dict[str, Any], typed: bool) -> str:
    return f"route/{as_text(get(route, 'name'))}" if typed else as_text(get(route, "name"))


def _rows(route: dict[str, Any], typed: bool) -> Iterator[tuple[str, ...]]:
    name = _name(route, typed)
    for host in dicts(get(route, "virtual_hosts")):
        head = (name, as_text(get(host, "name")), domains_text(as_list(get(host, "domains"))))
        routes = dicts(get(host, "routes"))
        for one in routes:
            if path(one, "route", "cluster") != "PassthroughCluster":
                yield (*head, match_text(get(one, "match")), owner(one))
        if not routes:
            yield (*head, "/*", "404")


def domains_text(domains: list[Any]) -> str:
    """The domains of a virtual host: two at most, without ports and without the longer forms of the same host."""
    names = [str(domain) for domain in domains]
    if len(names) < 2:
        return "".join(names)
    portless = [name for name in names if ":" not in name or (name.count(":") > 2 and name.endswith("]"))]
    known = set(portless)
    kept = [name for name in portless if not _is_longer_form(name, known)]
    more = len(kept) - _SHOWN
    return ", ".join(kept[:_SHOWN]) + (f" + {more} more..." if more > 0 else "")


def _is_longer_form(name: str, known: set[str]) -> bool:
    for suffix in (".svc.cluster.local", ".svc"):
        if name.endswith(suffix) and name.removesuffix(suffix) in known:
            return True
    return False


def _routes(dump: ConfigDump) -> list[dict[str, Any]]:
    section = dump.section("RoutesConfigDump")
    found = [
        *resources(section, "dynamic_route_configs", "route_config"),
        *resources(section, "static_route_configs", "route_config"),
    ]
    if not found:
        raise DumpError("no routes found")
    keyed = [(_number(as_text(get(route, "name"))), route) for route in found]
    return [route for _, route in gosort.sort_slice(keyed, lambda a, b: _less(a[0], b[0]))]


def _number(name: str) -> int | None:
    return int(name) if _NUMBER.fullmatch(name) else None


def _less(left: int | None, right: int | None) -> bool:
    """istioctl's comparison: of numbers only, which is no order once a name is among them."""
    return left is not None and right is not None and left < right
