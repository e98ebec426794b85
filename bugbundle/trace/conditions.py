"""The conditions of RBAC: what one asks for, what a request has, and whether it holds.

Sources: envoy/api config/rbac/v3/rbac.proto, type/matcher/v3/{metadata,value}.proto;
source/extensions/filters/common/rbac/matchers.cc.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.trace.connection import Connection
from bugbundle.trace.matchers import (
    Headers,
    Unmodelled,
    cidr,
    describe_header,
    describe_string,
    header_matches,
    holds,
    string_matches,
)


@dataclass(slots=True)
class Subject:
    """What is judged: a connection, the request on it where there is one, and metadata that filters left."""

    connection: Connection
    secure: bool = False
    """Whether TLS ends at this listener, so that the client's certificate is known."""

    headers: Headers | None = None
    remote_ip: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Condition(NamedTuple):
    """One leaf of a policy: what it asks for and what the request has."""

    what: str
    wanted: str
    value: str
    holds: bool

    def __str__(self) -> str:
        """In words: `principal cluster.local/ns/shop/sa/web; the request has …`."""
        return f"{self.what} {self.wanted}; this request has {self.value or 'none'}"


def leaf(rule: dict[str, Any], subject: Subject) -> Condition:
    """One leaf of a Permission or Principal. Raises `Unmodelled` for a kind that is not known."""
    kind = next((kind for kind in _LEAVES if kind in rule), "")
    if not kind:
        raise Unmodelled(f"the RBAC condition {next(iter(rule), 'without a kind')}")
    return _LEAVES[kind](rule[kind], subject)


def _always(value: Any, subject: Subject) -> Condition:
    return Condition("any", "", "", bool(value))


def _header(value: Any, subject: Subject) -> Condition:
    matcher = as_dict(value)
    name = as_text(matcher.get("name"))
    here = subject.headers.get(name) if subject.headers else None
    good = subject.headers is not None and header_matches(matcher, subject.headers)
    word = {":method": "method", ":authority": "host", ":path": "path"}.get(name, f"header {name}")
    return Condition(word, describe_header(matcher).partition(": ")[2] or describe_header(matcher), here or "", good)


def _url_path(value: Any, subject: Subject) -> Condition:
    """Without query and fragment (Matchers::PathMatcher)."""
    here = subject.headers.get(":path") if subject.headers else None
    path = re.split(r"[?#]", here)[0] if here is not None else ""
    matcher = as_dict(as_dict(value).get("path"))
    return Condition("path", describe_string(matcher), path, here is not None and string_matches(matcher, path))


def _address(what: str, value: Any, address: str) -> Condition:
    block = cidr(value)
    return Condition(what, str(block), address, holds(block, address))


def _destination_ip(value: Any, subject: Subject) -> Condition:
    return _address("destination address", value, subject.connection.destination_ip)


def _source_ip(value: Any, subject: Subject) -> Condition:
    return _address("source address", value, subject.connection.source_ip)


def _direct_ip(value: Any, subject: Subject) -> Condition:
    return _address("source address", value, subject.connection.direct_ip or subject.connection.source_ip)


def _remote_ip(value: Any, subject: Subject) -> Condition:
    return _address("client address", value, subject.remote_ip or subject.connection.source_ip)


def _port(value: Any, subject: Subject) -> Condition:
    here = subject.connection.destination_port
    return Condition("port", str(value), str(here), value == here)


def _port_range(value: Any, subject: Subject) -> Condition:
    start, end = as_dict(value).get("start", 0), as_dict(value).get("end", 0)
    here = subject.connection.destination_port
    return Condition("port", f"{start} to {end - 1}", str(here), start <= here < end)


def _server_name(value: Any, subject: Subject) -> Condition:
    here = subject.connection.sni if subject.connection.tls else ""
    return Condition("server name", describe_string(as_dict(value)), here, string_matches(as_dict(value), here))


def _authenticated(value: Any, subject: Subject) -> Condition:
    """Any name of the client's certificate; without a name, any client that speaks TLS."""
    names = subject.connection.principals if subject.secure else ()
    matcher = as_dict(value).get("principal_name")
    if not isinstance(matcher, dict):
        return Condition("mTLS", "required", "TLS" if subject.secure else "plain text", subject.secure)
    good = subject.secure and any(string_matches(matcher, one) for one in names or ("",))
    shown = ", ".join(one.removeprefix("spiffe://") for one in names)
    return Condition("principal", _plain(describe_string(matcher)), shown or "no certificate", good)


def _plain(text: str) -> str:
    """istiod's patterns of principals as they are written in a policy."""
    if match := re.fullmatch(r"~\.\*/ns/(.+)/\.\*", text):
        return f"namespace {match[1]}"
    return text.removeprefix("spiffe://")


def _metadata(value: Any, subject: Subject) -> Condition:
    """envoy.type.matcher.v3.MetadataMatcher, on what filters before left (JWT claims)."""
    matcher = as_dict(value)
    path = [as_text(one.get("key")) for one in dicts(matcher.get("path"))]
    here: Any = subject.metadata.get(as_text(matcher.get("filter")))
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    good = value_matches(as_dict(matcher.get("value")), here) != bool(matcher.get("invert"))
    return Condition(
        f"claim {'.'.join(path[1:] or path)}", _describe_value(as_dict(matcher.get("value"))), _shown(here), good
    )


def value_matches(matcher: dict[str, Any], value: Any) -> bool:
    """envoy.type.matcher.v3.ValueMatcher; an absent value fits only `null_match` and `present_match: false`."""
    if "string_match" in matcher:
        return isinstance(value, str) and string_matches(as_dict(matcher["string_match"]), value)
    if "list_match" in matcher:
        one = as_dict(as_dict(matcher["list_match"]).get("one_of"))
        return isinstance(value, list) and any(value_matches(one, item) for item in value)
    if "or_match" in matcher:
        return any(value_matches(one, value) for one in dicts(as_dict(matcher["or_match"]).get("value_matchers")))
    if "present_match" in matcher:
        return (value is not None) == bool(matcher["present_match"])
    if "bool_match" in matcher:
        return isinstance(value, bool) and value == matcher["bool_match"]
    if "double_match" in matcher:
        wanted = as_dict(matcher["double_match"])
        number = isinstance(value, int | float) and not isinstance(value, bool)
        span = as_dict(wanted.get("range"))
        return number and (
            value == wanted.get("exact") if "exact" in wanted else span.get("start", 0) <= value < span.get("end", 0)
        )
    return value is None


def _describe_value(matcher: dict[str, Any]) -> str:
    if "string_match" in matcher:
        return describe_string(as_dict(matcher["string_match"]))
    if "list_match" in matcher:
        return _describe_value(as_dict(as_dict(matcher["list_match"]).get("one_of")))
    if "or_match" in matcher:
        return " or ".join(map(_describe_value, dicts(as_dict(matcher["or_match"]).get("value_matchers"))))
    return "present" if matcher.get("present_match") else "a value"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _filter_state(value: Any, subject: Subject) -> Condition:
    """Filter state that a listener before passed on: of waypoints `io.istio.peer_principal`."""
    matcher = as_dict(value)
    key = as_text(matcher.get("key"))
    here = subject.connection.state.get(key)
    wanted = as_dict(matcher.get("string_match"))
    if "address_match" in matcher:
        good = here is not None and any(
            holds(cidr(x), here) for x in as_list(as_dict(matcher["address_match"]).get("ranges"))
        )
        return Condition(key, "address", here or "", good)
    word = "principal" if key == "io.istio.peer_principal" else key
    good = here is not None and string_matches(wanted, here)
    shown = (here or "").removeprefix("spiffe://")
    return Condition(word, _plain(describe_string(wanted)), shown, good)


_LEAVES: dict[str, Callable[[Any, Subject], Condition]] = {
    "any": _always, "header": _header, "url_path": _url_path, "destination_ip": _destination_ip,
    "destination_port": _port, "destination_port_range": _port_range, "requested_server_name": _server_name,
    "metadata": _metadata, "authenticated": _authenticated, "source_ip": _source_ip, "direct_remote_ip": _direct_ip,
    "remote_ip": _remote_ip, "filter_state": _filter_state,
}  # fmt: skip
