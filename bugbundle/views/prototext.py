"""A few Istio messages in protobuf's text form, on one line, as Go's String() writes them.

Only what istioctl prints that way: a fault of an HTTP route, a match of a TCP route, a regular expression.
Source: istio/api networking/v1alpha3; fields in order of declaration.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

_GAP = "  "
"""Between fields: one blank or two, by the build of the program that prints; istioctl 1.29.6 has two."""

_PERCENT = (("value", "n"),)
_FAULTS: dict[str, Any] = {
    "delay": (
        ("percent", "n"),
        ("fixedDelay", "d"),
        ("exponentialDelay", "d"),
        ("percentage", _PERCENT),
    ),
    "abort": (
        ("percent", "n"),
        ("httpStatus", "n"),
        ("grpcStatus", "s"),
        ("http2Error", "s"),
        ("percentage", _PERCENT),
    ),
}
_FAULT = (("delay", _FAULTS["delay"]), ("abort", _FAULTS["abort"]))
_TCP_MATCH = (
    ("destinationSubnets", "s"),
    ("port", "n"),
    ("sourceSubnet", "s"),
    ("sourceLabels", "m"),
    ("gateways", "s"),
    ("sourceNamespace", "s"),
)
_STRING_MATCH = (("regex", "s"),)


def fault(value: dict[str, Any]) -> str:
    """An HTTPFaultInjection."""
    return _GAP.join(_message(value, _FAULT))


def tcp_match(value: dict[str, Any]) -> str:
    """An L4MatchAttributes."""
    return _GAP.join(_message(value, _TCP_MATCH))


def string_match(value: dict[str, Any]) -> str:
    """A StringMatch that is neither exact nor a prefix."""
    return _GAP.join(_message(value, _STRING_MATCH))


def _message(value: Any, fields: Any) -> list[str]:
    given = value if isinstance(value, dict) else {}
    out: list[str] = []
    for name, kind in fields:
        if name not in given:
            continue
        members = given[name] if isinstance(given[name], list) else [given[name]]
        out.extend(part for member in members for part in _field(_snake(name), kind, member))
    return out


def _field(name: str, kind: Any, member: Any) -> list[str]:
    if isinstance(kind, tuple):
        return [f"{name}:{{{_GAP.join(_message(member, kind))}}}"]
    if kind == "d":
        return [f"{name}:{{{_GAP.join(_duration(member))}}}"]
    if kind == "m":
        pairs = sorted(member.items()) if isinstance(member, dict) else []
        return [f"{name}:{{key:{_quoted(key)}{_GAP}value:{_quoted(item)}}}" for key, item in pairs]
    if kind == "n":
        return [f"{name}:{member}"] if isinstance(member, int | float) else []
    return [f"{name}:{_quoted(member)}"]


def _duration(value: Any) -> list[str]:
    """`5s` or `1.5s` or `100ms` as seconds and nanos."""
    text = str(value)
    for unit, factor in (("ms", "0.001"), ("s", "1"), ("m", "60"), ("h", "3600")):
        if text.endswith(unit):
            try:
                total = Decimal(text.removesuffix(unit)) * Decimal(factor)
            except InvalidOperation:
                return []
            seconds, nanos = int(total), int((total % 1) * 1_000_000_000)
            return [f"{key}:{part}" for key, part in (("seconds", seconds), ("nanos", nanos)) if part]
    return []


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _quoted(value: Any) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{text}"'
