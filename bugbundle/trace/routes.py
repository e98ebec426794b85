"""Which virtual host and which route take a request.

Sources: source/common/router/config_impl.cc (`RouteMatcher::findVirtualHost`: exact domain, longest suffix wildcard,
longest prefix wildcard, `*`; `VirtualHostImpl::getRouteFromEntries`: the first route that fits;
`RouteEntryImplBase::matchRoute`), source/common/http/path_utility.cc, envoy/api
config/route/v3/route_components.proto.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import Any

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.trace.connection import Connection
from bugbundle.trace.generic import choose
from bugbundle.trace.matchers import (
    Headers,
    Unmodelled,
    describe_header,
    describe_string,
    full_match,
    header_matches,
    query_matches,
    string_matches,
)

HUNDRED = {"": 100, "HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000}


@dataclass(slots=True)
class Found:
    """What a route configuration makes of a request.

    `host` is None where no virtual host has the domain, `route` None where none of its routes fits. `place` is the
    pointer inside the route configuration. `maybe` are the routes that a runtime fraction may choose instead.
    `domain` is the one that matched, `tls_only` tells that the virtual host sends plain requests to https.
    """

    host: dict[str, Any] | None = None
    domain: str = ""
    route: dict[str, Any] | None = None
    place: str = ""
    tls_only: bool = False
    passed: int = 0
    maybe: list[dict[str, Any]] = field(default_factory=list)


def find(config: dict[str, Any], headers: Headers, connection: Connection) -> Found:
    """The virtual host and route of a RouteConfiguration for a request. Raises `Unmodelled`."""
    number, domain = host_of(config, headers.get(":authority") or "")
    if number is None:
        return Found()
    host = dicts(config.get("virtual_hosts"))[number]
    found = Found(host, domain, place=f"/virtual_hosts/{number}")
    secure = (headers.get("x-forwarded-proto") or "").lower() == "https"
    if host.get("require_tls") == "ALL" and not secure:
        found.tls_only = True
        return found
    _first(found, _entries(host, headers), headers, connection)
    return found


def _entries(host: dict[str, Any], headers: Headers) -> list[tuple[str, dict[str, Any]]]:
    if "matcher" not in host:
        return [(f"/routes/{number}", one) for number, one in enumerate(dicts(host.get("routes")))]

    def inputs(message: str, config: dict[str, Any]) -> str | None:
        if message.endswith(".HttpRequestHeaderMatchInput"):
            return headers.get(as_text(config.get("header_name")))
        raise Unmodelled(f"the matcher's input {message}")

    action = choose(as_dict(host["matcher"]), inputs)
    chosen = as_dict(as_dict(action).get("typed_config"))
    if as_text(chosen.get("@type")).endswith(".RouteList"):
        return [("/matcher", one) for one in dicts(chosen.get("routes"))]
    return [("/matcher", chosen)] if action is not None else []


def _first(found: Found, entries: list[tuple[str, dict[str, Any]]], headers: Headers, connection: Connection) -> None:
    for place, route in entries:
        match = as_dict(route.get("match"))
        if not matches(match, headers, connection):
            found.passed += 1
            continue
        share = _share(match)
        if share == 0:
            found.passed += 1
            continue
        if found.route is None:
            found.route, found.place = route, found.place + place
        else:
            found.maybe.append(route)
        if share == 1:
            return


def _share(match: dict[str, Any]) -> float:
    """The share of requests that a runtime fraction lets a route take."""
    if "runtime_fraction" not in match:
        return 1
    return fraction(as_dict(as_dict(match["runtime_fraction"]).get("default_value")))


def fraction(value: dict[str, Any]) -> float:
    """envoy.type.v3.FractionalPercent as a share of 1, at most 1."""
    return min(float(value.get("numerator", 0)) / HUNDRED.get(as_text(value.get("denominator")), 100), 1.0)


class _Domains:
    """The domains of a route configuration, as Envoy looks them up."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.exact: dict[str, tuple[int, str]] = {}
        self.suffixes: dict[str, tuple[int, str]] = {}
        self.prefixes: dict[str, tuple[int, str]] = {}
        self.any: tuple[int, str] | None = None
        for number, host in enumerate(dicts(config.get("virtual_hosts"))):
            for domain in map(str, as_list(host.get("domains"))):
                self._add(domain.lower(), (number, domain))

    def _add(self, domain: str, value: tuple[int, str]) -> None:
        if domain == "*":
            self.any = self.any or value
        elif domain.startswith("*"):
            self.suffixes.setdefault(domain[1:], value)
        elif domain.endswith("*"):
            self.prefixes.setdefault(domain[:-1], value)
        else:
            self.exact.setdefault(domain, value)

    def find(self, host: str) -> tuple[int | None, str]:
        if host in self.exact:
            return self.exact[host]
        for length in range(1, len(host)):
            if (found := self.suffixes.get(host[length:])) is not None:
                return found
        for length in range(len(host) - 1, 0, -1):
            if (found := self.prefixes.get(host[:length])) is not None:
                return found
        return self.any or (None, "")


_TABLES: dict[int, tuple[dict[str, Any], _Domains]] = {}
_MOST_TABLES = 4096


def _table(config: dict[str, Any]) -> _Domains:
    """The domains of a configuration, made once: by its identity, which lasts as long as it is held here."""
    known = _TABLES.get(id(config))
    if known is None or known[0] is not config:
        if len(_TABLES) >= _MOST_TABLES:
            _TABLES.clear()
        known = _TABLES[id(config)] = (config, _Domains(config))
    return known[1]


def host_of(config: dict[str, Any], authority: str) -> tuple[int | None, str]:
    """(number of the virtual host, its domain) for an authority; (None, "") where none has it."""
    table = _table(config)
    host = authority.lower()
    if config.get("ignore_port_in_host_matching"):
        host = without_port(host)
    return table.find(host)


def without_port(authority: str) -> str:
    """The host of an authority (HeaderUtility::getPortStart)."""
    place = authority.rfind(":")
    return authority[:place] if place > authority.rfind("]") else authority


@functools.lru_cache(maxsize=4096)
def plain_path(path: str) -> str:
    """A path without query and fragment."""
    return re.split(r"[?#]", path, maxsplit=1)[0]


def matches(match: dict[str, Any], headers: Headers, connection: Connection) -> bool:
    """Whether a RouteMatch fits, runtime fractions aside. Raises `Unmodelled`."""
    for odd in ("path_match_policy", "dynamic_metadata", "filter_state"):
        if match.get(odd):
            raise Unmodelled(f"a route that matches by {odd}")
    path = headers.get(":path")
    if not _path_matches(match, headers, path):
        return False
    if not all(header_matches(one, headers) for one in dicts(match.get("headers"))):
        return False
    if not all(query_matches(one, path or "") for one in dicts(match.get("query_parameters"))):
        return False
    if not all(_cookie_matches(one, headers) for one in dicts(match.get("cookies"))):
        return False
    if "grpc" in match and not _is_grpc(headers):
        return False
    return _tls_matches(as_dict(match.get("tls_context")), connection)


def _path_matches(match: dict[str, Any], headers: Headers, path: str | None) -> bool:
    if "connect_matcher" in match:
        return headers.get(":method") == "CONNECT"
    if path is None:
        return False
    here = plain_path(path)
    if "safe_regex" in match:
        return full_match(as_text(as_dict(match["safe_regex"]).get("regex")), here)
    fold = match.get("case_sensitive") is False
    value = here.lower() if fold else here
    for kind in ("prefix", "path", "path_separated_prefix"):
        if kind in match:
            wanted = as_text(match[kind])
            wanted = wanted.lower() if fold else wanted
            if kind == "path":
                return value == wanted
            inside = value.startswith(wanted)
            return inside and (kind == "prefix" or len(value) == len(wanted) or value[len(wanted)] == "/")
    return False


def _is_grpc(headers: Headers) -> bool:
    kind = headers.get("content-type") or ""
    return kind == "application/grpc" or kind.startswith("application/grpc+")


def _cookie_matches(matcher: dict[str, Any], headers: Headers) -> bool:
    """envoy.config.route.v3.CookieMatcher."""
    name = as_text(matcher.get("name"))
    pairs = [part.strip().partition("=") for part in (headers.get("cookie") or "").split(";")]
    value = next((value.strip('"') for key, _, value in pairs if key == name), None)
    good = value is not None and string_matches(as_dict(matcher.get("string_match")), value)
    return good != bool(matcher.get("invert_match"))


def _tls_matches(wanted: dict[str, Any], connection: Connection) -> bool:
    """`presented` and `validated` of the client's certificate."""
    if not wanted:
        return True
    shown = bool(connection.principals)
    return ("presented" not in wanted or wanted["presented"] == shown) and (
        "validated" not in wanted or wanted["validated"] == shown
    )


def describe(match: dict[str, Any]) -> str:
    """A RouteMatch in words: `/api*, method GET, end-user: jason`."""
    parts = []
    for kind, form in (("prefix", "{}*"), ("path", "{}"), ("path_separated_prefix", "{} and below")):
        if kind in match:
            parts.append(form.format(match[kind]))
    if "safe_regex" in match:
        parts.append("~" + as_text(as_dict(match["safe_regex"]).get("regex")))
    if "connect_matcher" in match:
        parts.append("CONNECT")
    parts += [describe_header(one) for one in dicts(match.get("headers"))]
    for one in dicts(match.get("query_parameters")):
        wanted = describe_string(as_dict(one.get("string_match"))) or "present"
        parts.append(f"query {one.get('name')}: {wanted}")
    if "runtime_fraction" in match:
        parts.append(f"{_share(match):.0%} of requests")
    return ", ".join(parts)
