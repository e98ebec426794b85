"""Write bugbundle/xds/schema.json: the fields of every message of Envoy's API, from the published descriptors,
and those of Istio's own filters.

Run by `make schema` when xds-protos is updated. One row per field, in the order of declaration:
[name, kind, type, label] where kind is a letter of `bugbundle.xds.schema` and label is "" (singular, no
presence), "p" (singular with presence), "r" (repeated) or "m" (map; kind and type are the value's).
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

from bugbundle.xds import istio_messages

ROOTS = ("envoy", "xds", "udpa")
WRAPPERS = {
    "BoolValue": "b", "StringValue": "s", "BytesValue": "y", "FloatValue": "f", "DoubleValue": "f",
    "Int32Value": "i", "UInt32Value": "i", "Int64Value": "I", "UInt64Value": "I",
}  # fmt: skip
WELL_KNOWN = {"Duration": "d", "Timestamp": "t", "Struct": "S", "Value": "V", "ListValue": "V", "Any": "A"}


def scalar(field: Any) -> str:
    """The kind of a scalar field."""
    d = field
    if field.type == d.TYPE_BOOL:
        return "b"
    if field.type == d.TYPE_STRING:
        return "s"
    if field.type == d.TYPE_BYTES:
        return "y"
    if field.type in (d.TYPE_DOUBLE, d.TYPE_FLOAT):
        return "f"
    wide = (d.TYPE_INT64, d.TYPE_UINT64, d.TYPE_FIXED64, d.TYPE_SFIXED64, d.TYPE_SINT64)
    return "I" if field.type in wide else "i"


def kind(field: Any) -> tuple[str, str]:
    """Letter and type name of a field's value."""
    if field.enum_type is not None:
        return "e", field.enum_type.full_name
    if field.message_type is None:
        return scalar(field), ""
    name = field.message_type.full_name
    short = name.removeprefix("google.protobuf.")
    if short in WRAPPERS and short != name:
        return "w", WRAPPERS[short]
    if short in WELL_KNOWN and short != name:
        return WELL_KNOWN[short], ""
    return "m", name


def row(field: Any) -> list[str]:
    """One field."""
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        letter, ref = kind(entry.fields_by_name["value"])
        return [field.name, letter, ref, "m"]
    letter, ref = kind(field)
    if field.is_repeated:
        return [field.name, letter, ref, "r"]
    return [field.name, letter, ref, "p" if field.has_presence else ""]


def collect(message: Any, messages: dict[str, Any], enums: dict[str, Any]) -> None:
    """One message, its enums, the messages inside it."""
    if message.full_name in messages or message.GetOptions().map_entry:
        return
    messages[message.full_name] = [row(field) for field in message.fields]
    for enum in message.enum_types:
        enums[enum.full_name] = {str(v.number): v.name for v in reversed(enum.values)}
    for nested in message.nested_types:
        collect(nested, messages, enums)


def modules() -> list[str]:
    """Every generated module of the v3 API."""
    names = []
    for root in ROOTS:
        package = importlib.import_module(root)
        for found in pkgutil.walk_packages(package.__path__, f"{root}."):
            if found.name.endswith("_pb2") and ".v2" not in found.name:
                names.append(found.name)
    return sorted(names)


def main() -> int:
    """Write the file; print how much is in it."""
    messages: dict[str, Any] = {}
    enums: dict[str, Any] = {}
    for name in modules():
        file = importlib.import_module(name).DESCRIPTOR
        for enum in file.enum_types_by_name.values():
            enums[enum.full_name] = {str(v.number): v.name for v in reversed(enum.values)}
        for message in file.message_types_by_name.values():
            collect(message, messages, enums)
    messages |= {name: [[row[0], *row[2:]] for row in rows] for name, rows in istio_messages.MESSAGES.items()}
    enums |= {name: {str(n): word for n, word in values.items()} for name, values in istio_messages.ENUMS.items()}
    target = Path(__file__).parent.parent / "bugbundle" / "xds" / "schema.json"
    lines = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in sorted(messages.items()))
    tail = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in sorted(enums.items()))
    target.write_text(f'{{"messages":{{\n{lines}\n}},\n"enums":{{\n{tail}\n}}}}\n')
    print(f"{target}: {len(messages)} messages, {len(enums)} enums", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
