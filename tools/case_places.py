"""Places in JSON: merge patches, and paths that find members of lists by name."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any


def merged(value: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    base = dict(value) if isinstance(value, dict) else {}
    for key, item in patch.items():
        if item is None:
            base.pop(key, None)
        else:
            base[key] = merged(base.get(key), item)
    return base


def places(document: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of every place that a path fits: keys, `*`, `key=value`, `key~pattern`, `-` (behind the last)."""
    nodes: list[tuple[Any, Any]] = [({"": document}, "")]
    for part in re.split(r"(?<!\\)/", path):
        token = part.replace("\\/", "/")
        held = [holder[key] for holder, key in nodes if not isinstance(holder, dict) or key in holder]
        nodes = [step for node in held for step in _steps(node, token)]
    yield from nodes


def _steps(node: Any, token: str) -> list[tuple[Any, Any]]:
    if token == "-" and isinstance(node, list):
        return [(node, "-")]
    rows = list(node.items()) if isinstance(node, dict) else list(enumerate(node)) if isinstance(node, list) else []
    if token == "*":
        return [(node, key) for key, _ in rows]
    match = re.fullmatch(r"([\w.@]+)([=~])(.*)", token)
    if match and not (isinstance(node, dict) and token in node):
        return [(node, key) for key, item in rows if _fits(item, *match.groups())]
    if isinstance(node, dict):
        return [(node, token if token in node or camel(token) not in node else camel(token))]
    return [(node, int(token))] if token.isdigit() and int(token) < len(node) else []


def _fits(item: Any, key: str, mark: str, wanted: str) -> bool:
    for part in key.split("."):
        item = item.get(part, item.get(camel(part))) if isinstance(item, dict) else None
    return item is not None and (str(item) == wanted if mark == "=" else re.search(wanted, str(item)) is not None)


def put_at(holder: Any, key: Any, row: dict[str, Any]) -> None:
    """Put `set`, or merge `merge`, or take away (`gone`), at one place."""
    if row.get("gone"):
        if isinstance(holder, dict):
            holder.pop(key, None)
        else:
            holder[key] = {}
    elif key == "-":
        holder.append(copy.deepcopy(row["set"]))
    elif "merge" in row:
        holder[key] = merged(holder[key] if not isinstance(holder, dict) else holder.get(key), row["merge"])
    else:
        holder[key] = copy.deepcopy(row["set"])


def camel(name: str) -> str:
    """`route_config` → `routeConfig`, as istiod prints the fields of Envoy's messages."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


def as_istiod(value: Any) -> Any:
    """A message with its fields named as istiod prints them; what stands under `filter_metadata` is data."""
    if isinstance(value, dict):
        return {camel(key): item if key == "filter_metadata" else as_istiod(item) for key, item in value.items()}
    return [as_istiod(item) for item in value] if isinstance(value, list) else value
