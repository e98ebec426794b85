"""Go structs in JSON: which members encoding/json writes, and in which order.

A shape lists a struct's fields in order of declaration; `shaped` reads recorded JSON through it, as Go does: fields
that the shape does not know are dropped, missing ones get Go's zero value, `omitempty` leaves out empty ones. Where
Go would refuse a value of another type, the zero value stands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a Go struct: its JSON name and its type.

    `of` is `str`, `int`, `bool` or `object` (any value as it stands), or another shape; `many` is `list`, `map`
    (of string keys), or empty; `pointer` structs are null where absent; `omit` stands for omitempty.
    """

    name: str
    of: Any = str
    many: str = ""
    omit: bool = False
    pointer: bool = False


def shaped(value: Any, shape: tuple[Field, ...]) -> dict[str, Any]:
    """A struct, its members in order of declaration."""
    given = value if isinstance(value, dict) else {}
    out: dict[str, Any] = {}
    for field in shape:
        member = _many(given.get(field.name), field)
        if not (field.omit and _empty(member, field)):
            out[field.name] = member
    return out


def _many(value: Any, field: Field) -> Any:
    if field.many == "list":
        return [_one(item, field) for item in value] if isinstance(value, list) else None
    if field.many == "map":
        return {key: _one(value[key], field) for key in sorted(value)} if isinstance(value, dict) else None
    return _one(value, field)


def _one(value: Any, field: Field) -> Any:
    if isinstance(field.of, tuple):
        return None if field.pointer and not isinstance(value, dict) else shaped(value, field.of)
    if field.of is object:
        return value
    if field.of is bool:
        return value is True
    if field.of is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else 0
    return value if isinstance(value, str) else ""


def _empty(member: Any, field: Field) -> bool:
    """What omitempty takes for empty: never a struct."""
    if field.many:
        return not member
    if isinstance(field.of, tuple):
        return member is None
    return member is None or member is False or member == "" or (member == 0 and field.of is int)


def indented(value: Any, indent: int | str) -> str:
    """`json.MarshalIndent` with that many blanks, or that text, a level. No newline at the end."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    for letter in "<>&\u2028\u2029":
        if letter in text:
            text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text
