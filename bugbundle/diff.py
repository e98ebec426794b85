"""The difference of two JSON values, by name: lists of named things are compared by name, not by position."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bugbundle.codec import encode_sorted, hash128

NAMES = ("name", "cluster_name", "route_config_name", "domain", "key", "uid")
"""Members that identify an item of a list, best first."""


class Difference(NamedTuple):
    """One place: `path` with `/` between members and `[name]` for items; ABSENT stands for «not there»."""

    path: str
    left: Any
    right: Any


class _Absent:
    """Not there; unlike null, false, zero and empty."""

    def __repr__(self) -> str:
        return "(absent)"

    def __bool__(self) -> bool:
        return False


ABSENT: Any = _Absent()


def differences(left: Any, right: Any, path: str = "") -> Iterator[Difference]:
    """Every place where two values differ, deepest first where both sides have the place."""
    if isinstance(left, dict) and isinstance(right, dict):
        for key in dict.fromkeys([*left, *right]):
            yield from differences(left.get(key, ABSENT), right.get(key, ABSENT), f"{path}/{key}")
    elif isinstance(left, list) and isinstance(right, list):
        yield from _lists(left, right, path)
    elif left is ABSENT or right is ABSENT or left != right or type(left) is not type(right):
        yield Difference(path or "/", left, right)


def _lists(left: list[Any], right: list[Any], path: str) -> Iterator[Difference]:
    lefts, rights = _by_name(left), _by_name(right)
    if lefts is None or rights is None:
        if left != right and len(left) == len(right):
            for number, (one, other) in enumerate(zip(left, right, strict=True)):
                yield from differences(one, other, f"{path}[{number}]")
        elif left != right:
            yield from _unnamed(left, right, path)
        return
    for name in dict.fromkeys([*lefts, *rights]):
        yield from differences(lefts.get(name, ABSENT), rights.get(name, ABSENT), f"{path}[{name}]")
    order = [name for name in lefts if name in rights]
    if order != [name for name in rights if name in lefts]:
        yield Difference(f"{path}/(order)", list(lefts), list(rights))


def _unnamed(left: list[Any], right: list[Any], path: str) -> Iterator[Difference]:
    """Lists of different length: items that only one side has, in order."""
    spare: dict[bytes, list[int]] = {}
    for number, item in enumerate(right):
        spare.setdefault(_key(item), []).append(number)
    for places in spare.values():
        places.reverse()
    for number, item in enumerate(left):
        places = spare.get(_key(item), [])
        if places:
            places.pop()
        else:
            yield Difference(f"{path}[{number}]", item, ABSENT)
    for number in sorted(number for places in spare.values() for number in places):
        yield Difference(f"{path}[{number}]", ABSENT, right[number])


def _key(item: Any) -> bytes:
    """Equal for equal items, whatever the order of their members."""
    return hash128(encode_sorted(item))


def _by_name(items: list[Any]) -> dict[str, Any] | None:
    """name → item, if every item has a name of its own."""
    for key in NAMES:
        if items and all(isinstance(item, dict) and isinstance(item.get(key), str) for item in items):
            found = {item[key]: item for item in items}
            if len(found) == len(items):
                return found
    return None if items else {}
