"""Envoy's JSON as Go's protobuf writes it again: camelCase, fields in order of declaration, defaults left out.

`shape` gives the value as a tree that `bugbundle.views.gotext` writes down. The schema is the published one; a
type or field that it does not know keeps its place and its value. Sources: google.golang.org/protobuf
encoding/protojson and github.com/golang/protobuf/jsonpb, which print the same tree with different blanks.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.codec import Raw
from bugbundle.errors import DumpError
from bugbundle.views.gonumber import json_number
from bugbundle.xds import schema
from bugbundle.xds.kinds import short_url

_DEEP = 200
_INTEGER = re.compile(r"-?\d{1,10}")
_WELL_KNOWN = "google.protobuf."
_FRACTION = re.compile(r"(-?\d+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(s|Z)")


class Map(dict[str, Any]):
    """A map field: its keys are data, sorted."""


class Struct(dict[str, Any]):
    """A google.protobuf.Struct: keys sorted, values free."""


def shape(value: Any, message: str) -> Any:
    """The tree of one message. Raises `DumpError` where it is nested deeper than 200."""
    return _message(value, message, 0)


def _message(value: Any, message: str, depth: int) -> Any:
    if depth > _DEEP:
        raise DumpError("nested too deep to be a config dump")
    known = schema.fields(message)
    if known is None or not isinstance(value, dict):
        return _free(value, depth)
    out: dict[str, Any] = {}
    places: list[int] = []
    place = -1
    for name, member in value.items():
        field = known.get(name)
        if field is None:
            if name != "@type" and member is not None:
                out[name] = _free(member, depth + 1)
                places.append(place)
            continue
        place = field.order
        if field.kind in "sb" and field.label in ("", "p"):
            shaped = member if member or field.label else None
        else:
            shaped = _field(member, field, depth + 1)
        if shaped is not None:
            out[field.json] = shaped
            places.append(place)
    if places == sorted(places):
        return out
    return dict(row for _, row in sorted(zip(places, out.items(), strict=False), key=lambda pair: pair[0]))


def _field(value: Any, field: schema.Field, depth: int) -> Any:
    """The value of a field; None where it is left out."""
    if value is None:
        return None
    if field.label == "r":
        return [_value(item, field, depth) for item in value] or None if isinstance(value, list) else value
    if field.label == "m":
        if not isinstance(value, dict):
            return value
        return Map((key, _value(value[key], field, depth)) for key in sorted(value)) or None
    shaped = _value(value, field, depth)
    if field.label == "" and not isinstance(shaped, dict) and _is_default(shaped, field):
        return None
    return shaped


def _is_default(value: Any, field: schema.Field) -> bool:
    if field.kind == "e":
        return bool(value == (schema.enum(field.type).get("0") or 0))
    return value in ("", 0, False) or (field.kind == "I" and value == "0")


def _value(value: Any, field: schema.Field, depth: int) -> Any:
    kind = field.kind
    if kind == "m":
        return _message(value, field.type, depth)
    if kind == "A":
        return _any(value, depth)
    if kind == "S":
        return _struct(value, depth)
    if kind == "V":
        return _struct(value, depth)
    if kind == "e":
        return schema.enum(field.type).get(str(value), value) if isinstance(value, int) else value
    if kind in "dt":
        return _fraction(value)
    if kind == "w":
        kind = field.type
    if kind == "I":
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if kind == "i" and isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    return _number(value) if kind in "if" else value


def _any(value: Any, depth: int) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get("@type"), str):
        return _free(value, depth)
    url = value["@type"]
    message = short_url(url)
    if message.startswith(_WELL_KNOWN) and "value" in value:
        inner = _struct(value["value"], depth + 1)
        return {"@type": url, "value": _fraction(inner) if message[len(_WELL_KNOWN) :] in _TIMED else inner}
    return {"@type": url, **_message({k: v for k, v in value.items() if k != "@type"}, message, depth + 1)}


_TIMED = frozenset({"Duration", "Timestamp"})


def _struct(value: Any, depth: int) -> Any:
    if depth > _DEEP:
        raise DumpError("nested too deep to be a config dump")
    if isinstance(value, dict):
        return Struct((key, _struct(value[key], depth + 1)) for key in sorted(value))
    if isinstance(value, list):
        return [_struct(item, depth + 1) for item in value]
    return _number(value)


def _free(value: Any, depth: int) -> Any:
    """A value of a type that the schema does not know: as it stands, Any in it read by its own type."""
    if depth > _DEEP:
        raise DumpError("nested too deep to be a config dump")
    if isinstance(value, dict):
        if isinstance(value.get("@type"), str) and schema.fields(short_url(value["@type"])) is not None:
            return _any(value, depth)
        return {key: _free(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_free(item, depth + 1) for item in value]
    return _number(value) if isinstance(value, float) else value


def _number(value: Any) -> Any:
    """A number as Go's encoding/json writes it; already as text where others write it in another way."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return int(value)
        if not 1e-4 <= abs(value) < 1e15:
            return Raw(json_number(value).encode())
    return value


def _fraction(value: Any) -> Any:
    """Seconds with 0, 3, 6 or 9 digits behind the point, as protobuf prints durations and times."""
    found = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    digits = (found[2] or "").rstrip("0")
    digits = digits.ljust(-len(digits) // 3 * -3, "0")
    return f"{found[1]}.{digits}{found[3]}" if digits else f"{found[1]}{found[3]}"
