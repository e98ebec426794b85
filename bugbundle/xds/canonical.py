"""What a resource means, whoever wrote it: the canonical form of protobuf JSON.

Two bodies are equal in protobuf exactly when their canonical forms are: names in one spelling, defaults without
presence left out, durations and 64-bit integers as numbers, enums by name, Any by its type, map keys untouched, virtual
hosts by name (as `istioctl proxy-status` sorts them), endpoints as a set within their locality. What the schema does
not know is compared by rule of thumb: names folded, empty values dropped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from bugbundle.codec import Raw, decode, encode_sorted, hash128
from bugbundle.errors import DumpError
from bugbundle.xds import schema
from bugbundle.xds.kinds import short_url

_DURATION = re.compile(r"-?\d+(\.\d+)?s")
_INTEGER = re.compile(r"-?\d{1,18}|\d{19}")
_LARGEST = 2.0**63
_NAME = re.compile(r"[a-z][A-Za-z0-9_]*")
_DEEP = 200


def canonical(value: Any, message: str = "") -> Any:
    """The canonical form of parsed JSON. `message` names its protobuf type where it has no `@type`.

    Raises `DumpError` for JSON nested deeper than 200.
    """
    if isinstance(value, dict) and "@type" in value:
        return _any(value, 0, keep_type=False)
    return _message(value, message, 0)


def canonical_hash(body: bytes | Raw, message: str = "", where: str = "") -> bytes:
    """xxh3-128 of the canonical form: equal for equal meaning."""
    return hash128(encode_sorted(canonical(decode(body, where), message)))


def _any(value: dict[str, Any], depth: int, keep_type: bool = True) -> Any:
    url = value.get("@type")
    message = short_url(url) if isinstance(url, str) else ""
    rest = {name: member for name, member in value.items() if name != "@type"}
    if message.startswith("google.protobuf.") and set(rest) == {"value"}:
        out: Any = {"value": _generic(rest["value"], depth + 1)}
    else:
        out = _message(rest, message, depth)
    if keep_type and isinstance(out, dict):
        out["@type"] = message
    return out


def _message(value: Any, message: str, depth: int) -> Any:
    known = schema.fields(message)
    if known is None or not isinstance(value, dict):
        return _generic(value, depth)
    if depth > _DEEP:
        raise DumpError("nested too deep to be a config dump")
    out: dict[str, Any] = {}
    for name, member in value.items():
        if member is None:
            continue
        field = known.get(name)
        if field is None:
            _put_generic(out, name, member, depth)
            continue
        shaped = _field(member, field, depth + 1)
        if shaped is not _ABSENT:
            out[field.name] = shaped
    order = _ORDER.get(message)
    return order(out) if order else out


_ABSENT: Any = object()


def _field(value: Any, field: schema.Field, depth: int) -> Any:
    if field.label == "r":
        if not isinstance(value, list):
            return _generic(value, depth)
        return [_value(item, field, depth) for item in value] or _ABSENT
    if field.label == "m":
        if not isinstance(value, dict):
            return _generic(value, depth)
        return {key: _value(item, field, depth) for key, item in value.items()} or _ABSENT
    shaped = _value(value, field, depth)
    if shaped == "" or shaped is False or (shaped == 0 and isinstance(shaped, int | float)):
        return shaped if field.label == "p" and field.kind in "sbiIfyw" else _ABSENT
    if field.kind == "e" and shaped == schema.enum(field.type).get("0"):
        return _ABSENT
    return shaped


def _value(value: Any, field: schema.Field, depth: int) -> Any:
    kind = field.kind
    if kind == "m":
        return _message(value, field.type, depth)
    if kind in "sby":
        return value
    if kind == "A":
        return _any(value, depth) if isinstance(value, dict) else value
    if kind == "e":
        return schema.enum(field.type).get(str(value), value) if isinstance(value, int) else value
    if kind == "w":
        return _number(value) if field.type in "iIf" else value
    if kind in "iIf":
        return _number(value)
    if kind == "d":
        return _duration(value)
    return value if kind != "S" and kind != "V" else _struct(value, depth)


def _number(value: Any) -> Any:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    if isinstance(value, float) and abs(value) < _LARGEST and value.is_integer():
        return int(value)
    return value


def _duration(value: Any) -> Any:
    if isinstance(value, str) and _DURATION.fullmatch(value):
        try:
            text = format(Decimal(value[:-1]), "f")
        except InvalidOperation:
            return value
        return (text.rstrip("0").rstrip(".") if "." in text else text) + "s"
    return value


def _struct(value: Any, depth: int) -> Any:
    """A Struct: its keys are data. Only numbers have two spellings."""
    if depth > _DEEP:
        raise DumpError("nested too deep to be a config dump")
    if isinstance(value, dict):
        return {key: _struct(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_struct(item, depth + 1) for item in value]
    return int(value) if isinstance(value, float) and abs(value) < _LARGEST and value.is_integer() else value


def _generic(value: Any, depth: int) -> Any:
    """A value of a type that the schema does not know."""
    if depth > _DEEP:
        raise DumpError("nested too deep to be a config dump")
    if isinstance(value, dict):
        if "@type" in value:
            return _any(value, depth)
        out: dict[str, Any] = {}
        for name, member in value.items():
            _put_generic(out, name, member, depth)
        return out
    if isinstance(value, list):
        return [_generic(item, depth + 1) for item in value]
    if isinstance(value, str):
        return int(value) if _INTEGER.fullmatch(value) else _duration(value)
    return _number(value)


def _put_generic(out: dict[str, Any], name: str, member: Any, depth: int) -> None:
    shaped = _generic(member, depth + 1)
    if shaped in (None, "", [], "0s") or shaped is False or (shaped == 0 and not isinstance(shaped, bool)):
        return
    out[schema.snake(name) if _NAME.fullmatch(name) else name] = shaped


def _route_configuration(out: dict[str, Any]) -> dict[str, Any]:
    hosts = out.get("virtual_hosts")
    if isinstance(hosts, list) and all(isinstance(host, dict) for host in hosts):
        out["virtual_hosts"] = sorted(hosts, key=lambda host: str(host.get("name", "")))
    return out


_OVERPROVISIONING = {"overprovisioning_factor": 140}
"""What Envoy fills in where istiod says nothing."""


def _load_assignment(out: dict[str, Any]) -> dict[str, Any]:
    """Endpoints are a set within their group; what Envoy fills in by itself is left out.

    Envoy's dump is written from its hosts, not from what it was sent (source/server/admin/config_dump_handler.cc):
    it names HEALTHY what was UNKNOWN, adds an empty health_check_config and the default policy, and leaves
    out localities without endpoints.
    """
    if out.get("policy") == _OVERPROVISIONING:
        del out["policy"]
    groups = out.get("endpoints")
    if not isinstance(groups, list):
        return out
    kept = [_locality(group) for group in groups if isinstance(group, dict) and _hosts(group)]
    out["endpoints"] = sorted(kept, key=encode_sorted)
    if not kept:
        del out["endpoints"]
    return out


def _hosts(group: dict[str, Any]) -> list[Any]:
    found = group.get("lb_endpoints")
    return found if isinstance(found, list) else []


def _locality(group: dict[str, Any]) -> dict[str, Any]:
    endpoints = _hosts(group)
    for host in endpoints:
        if not isinstance(host, dict):
            continue
        if host.get("health_status") == "HEALTHY":
            del host["health_status"]
        endpoint = host.get("endpoint")
        if isinstance(endpoint, dict) and endpoint.get("health_check_config") == {}:
            del endpoint["health_check_config"]
    if not group.get("locality"):
        group.pop("locality", None)
    group["lb_endpoints"] = sorted(endpoints, key=encode_sorted)
    return group


_ORDER: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "envoy.config.route.v3.RouteConfiguration": _route_configuration,
    "envoy.config.endpoint.v3.ClusterLoadAssignment": _load_assignment,
}
