"""Reading recorded JSON that may have any shape: a wrong type is as good as absent."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def dig(value: Any, *path: str) -> Any:
    """The value under a path of keys; None where the path ends early."""
    for key in path:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


def text(value: Any, *path: str, default: str = "") -> str:
    """A string under a path, else the default (also for an empty one)."""
    for key in path:
        if type(value) is not dict:
            return default
        value = value.get(key)
    return value if type(value) is str and value else default


def number(value: Any, *path: str) -> int:
    """An integer under a path, else 0."""
    found = dig(value, *path)
    if isinstance(found, float) and found.is_integer():
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def mapping(value: Any, *path: str) -> Object:
    """An object under a path, else an empty one."""
    found = dig(value, *path)
    return found if isinstance(found, dict) else {}


def strings(value: Any, *path: str) -> list[str]:
    """The strings of an array under a path."""
    found = dig(value, *path)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def objects(value: Any, *path: str) -> list[Object]:
    """The objects of an array under a path."""
    found = dig(value, *path)
    return [item for item in found if type(item) is dict] if type(found) is list else []


def scalar(value: Any) -> str:
    """A scalar as Go prints it (`true`, `3`), "" for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
