"""A request path taken apart: group, version, namespace, resource, name, subresource.

Nothing here or behind it opens a file by a name out of a request: names are only looked up among the
entries of the bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from bugbundle.replay.status import Refusal, no_such_resource

MAX_PATH = 4096
_OF_NAMESPACE = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class Target:
    """What `/api/…` or `/apis/…` asks for; `rest` is what follows the subresource, for proxies."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    part: str = ""
    rest: str = ""


def segments(raw_path: str) -> list[str]:
    """The decoded parts of a path. `Refusal` for names that no object can have, 404 for empty parts."""
    if len(raw_path) > MAX_PATH:
        raise Refusal(400, "the path is too long")
    parts = raw_path.removeprefix("/").split("/")
    if parts and parts[-1] == "":
        parts.pop()
    try:
        found = [unquote(part, errors="strict") for part in parts]
    except UnicodeDecodeError:
        raise Refusal(400, "the path is not UTF-8") from None
    for name in found[:7]:
        if not name:
            raise no_such_resource()
        if name in (".", "..") or "/" in name or "%" in name or not name.isprintable():
            raise Refusal(400, f"invalid name in the path: {name[:40]!a}")
    return found


def target(parts: list[str]) -> Target | None:
    """What decoded parts ask for; None where they ask for no resource."""
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in _OF_NAMESPACE:
        namespace, rest = rest[1], rest[2:]
    plural, name, part = (*rest[:3], "", "")[:3] if len(rest) < 3 else rest[:3]
    return Target(group, version, plural, namespace, name, part, "/".join(rest[3:]))
