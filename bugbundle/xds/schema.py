"""The fields of Envoy's API: names, order, types; read from schema.json once, when first asked for.

Kinds: `s` string, `b` bool, `i` int, `I` int of 64 bits (a string in JSON), `f` float, `y` bytes, `e` enum,
`m` message, `w` wrapper (type = the kind inside), `d` Duration, `t` Timestamp, `S` Struct, `V` Value, `A` Any.
Labels: `` singular, `p` singular with presence, `r` repeated, `m` map. Made by tools/make_schema.py.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import NamedTuple

from bugbundle.codec import decode


class Field(NamedTuple):
    """One field of a message; `order` is its place in the .proto."""

    name: str
    json: str
    kind: str
    type: str
    label: str
    order: int


@functools.cache
def _tables() -> tuple[dict[str, list[list[str]]], dict[str, dict[str, str]]]:
    text = resources.files("bugbundle.xds").joinpath("schema.json").read_bytes()
    tables = decode(text, "bugbundle/xds/schema.json")
    return tables["messages"], tables["enums"]


@functools.cache
def fields(message: str) -> dict[str, Field] | None:
    """The fields of a message by their name in both spellings; None for a message that is not known."""
    rows = _tables()[0].get(message)
    if rows is None:
        return None
    found: dict[str, Field] = {}
    for order, (name, kind, type_, label) in enumerate(rows):
        row = Field(name, camel(name), kind, type_, label, order)
        found[row.json] = found[name] = row
    return found


@functools.cache
def enum(name: str) -> dict[str, str]:
    """number (as text) → name of an enum's values; empty for one that is not known."""
    return _tables()[1].get(name, {})


@functools.cache
def camel(name: str) -> str:
    """A field's name in protobuf's JSON: `connect_timeout` → `connectTimeout`."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


@functools.cache
def snake(name: str) -> str:
    """A field's name in the .proto, from either spelling."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
