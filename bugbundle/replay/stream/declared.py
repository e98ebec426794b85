"""Descriptors of messages that are not published as Python: Istio's own filters with their fields, others without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf import descriptor_pb2, duration_pb2

from bugbundle.xds.istio_messages import ENUMS, MESSAGES, Row

_FIELD = descriptor_pb2.FieldDescriptorProto
_KINDS = {
    "s": _FIELD.TYPE_STRING, "b": _FIELD.TYPE_BOOL, "i": _FIELD.TYPE_INT32, "y": _FIELD.TYPE_BYTES,
    "m": _FIELD.TYPE_MESSAGE, "e": _FIELD.TYPE_ENUM, "d": _FIELD.TYPE_MESSAGE,
}  # fmt: skip
_DURATION = duration_pb2.Duration.DESCRIPTOR


def file_of(name: str) -> Iterator[descriptor_pb2.FileDescriptorProto]:
    """The file that declares a message: all of its package where it is Istio's, else the message without fields."""
    if name not in MESSAGES:
        package, _, message = name.rpartition(".")
        file = descriptor_pb2.FileDescriptorProto(name=f"bugbundle/{name}.proto", package=package, syntax="proto3")
        file.message_type.add(name=message)
        yield file
        return
    package = _package(name)
    file = descriptor_pb2.FileDescriptorProto(name=f"bugbundle/{package}.proto", package=package, syntax="proto3")
    file.dependency.append(_DURATION.file.name)
    made: dict[str, Any] = {}
    for full in sorted(full for full in MESSAGES if _package(full) == package):
        outer, _, short = full.rpartition(".")
        into = made[outer].nested_type if outer in made else file.message_type
        made[full] = into.add(name=short)
        for row in MESSAGES[full]:
            _add(made[full], full, row)
    for full, values in ENUMS.items():
        outer, _, short = full.rpartition(".")
        if outer in made or outer == package:
            enum = made.get(outer, file).enum_type.add(name=short)
            for number, word in values.items():
                enum.value.add(name=word, number=number)
    yield file


def _package(name: str) -> str:
    """A message's package: the parts in lower case."""
    return ".".join(part for part in name.split(".") if not part[:1].isupper())


def _add(message: Any, full: str, row: Row) -> None:
    name, number, kind, type_, label = row
    field = message.field.add(name=name, number=number, type=_KINDS[kind])
    field.label = _FIELD.LABEL_REPEATED if label in ("r", "m") else _FIELD.LABEL_OPTIONAL
    if kind in ("m", "e"):
        field.type_name = f".{type_}"
    elif kind == "d":
        field.type_name = f".{_DURATION.full_name}"
    if label == "p" and kind not in ("m", "d"):
        field.proto3_optional = True
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"_{name}")
    if label == "m":
        entry = message.nested_type.add(name="".join(part.capitalize() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=_FIELD.TYPE_STRING, label=_FIELD.LABEL_OPTIONAL)
        entry.field.add(name="value", number=2, type=_KINDS[kind], label=_FIELD.LABEL_OPTIONAL)
        field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".{full}.{entry.name}"
