"""Posted reviews in protobuf, as kubectl and client-go send them, read into the shape of their JSON.

Source: `generated.proto` of k8s.io/api/authorization/v1 and authentication/v1, and `Unknown` in
k8s.io/apimachinery/pkg/runtime (the envelope after the four bytes `k8s\\0`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bugbundle.replay.shape import Object
from bugbundle.replay.status import Refusal

PROTOBUF = b"k8s\x00"
"""How a protobuf body begins (k8s.io/apimachinery/pkg/runtime/serializer/protobuf)."""

_RAW = 2


@dataclass(frozen=True, slots=True)
class Message:
    """Which fields of a message matter: number → name and, for a message, its fields; `many` are repeated."""

    fields: dict[int, tuple[str, Message | None]]
    many: frozenset[int] = field(default_factory=frozenset)


_RESOURCE = Message(
    {
        number: (name, None)
        for number, name in enumerate(
            ("namespace", "verb", "group", "version", "resource", "subresource", "name"), start=1
        )
    }
)
_PATH = Message({1: ("path", None), 2: ("verb", None)})
_ACCESS = Message({1: ("resourceAttributes", _RESOURCE), 2: ("nonResourceAttributes", _PATH)})
_TOKEN = Message({1: ("audiences", None), 4: ("expirationSeconds", None)}, frozenset({1}))

SPECS = {
    "selfsubjectaccessreviews": _ACCESS,
    "selfsubjectrulesreviews": Message({1: ("namespace", None)}),
    "token": _TOKEN,
}
"""What is posted → the fields of its `spec`, which is field 2 of each of these messages."""


def read(body: bytes, plural: str) -> Object:
    """A posted message as `{"spec": …}`. `Refusal` 400 where it is not well-formed."""
    spec = SPECS.get(plural, Message({}))
    for number, value in _fields(body[len(PROTOBUF) :]):
        if number == _RAW and isinstance(value, bytes):
            return _message(value, Message({2: ("spec", spec)}))
    return {}


def _message(data: bytes, shape: Message) -> Object:
    found: Object = {}
    for number, value in _fields(data):
        if number not in shape.fields:
            continue
        name, inner = shape.fields[number]
        shown = _value(value, inner)
        if number in shape.many:
            found.setdefault(name, []).append(shown)
        else:
            found[name] = shown
    return found


def _value(value: bytes | int, inner: Message | None) -> Object | str | int:
    if isinstance(value, int):
        return value
    return _message(value, inner) if inner else value.decode(errors="replace")


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) of every field with a varint or bytes; fixed-width ones are skipped."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = _varint(data, place)
            yield key >> 3, value
        elif kind == 2:
            size, place = _varint(data, place)
            if size > len(data) - place:
                raise _malformed()
            yield key >> 3, data[place : place + size]
            place += size
        elif kind in (1, 5):
            place += 8 if kind == 1 else 4
        else:
            raise _malformed()


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise _malformed()


def _malformed() -> Refusal:
    return Refusal(400, "the body is not well-formed protobuf")
