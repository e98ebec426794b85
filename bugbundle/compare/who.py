"""Who wrote a change, and when: `metadata.managedFields`.

Each entry there names a client (`manager`), the time of its last write, and the fields that it owns (FieldsV1:
`f:spec`, `k:{"name":"x"}`). Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#managing-fields
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh.kube import as_dict, as_text, dicts

_STEP = re.compile(r'\["(.+?)"\]|\[([^\]]*)\]|([^.\[\]]+)')


def wrote(raw: dict[str, Any], paths: Iterable[str]) -> tuple[str, datetime | None]:
    """(client, time) of the newest write that owns one of the fields; of the newest of all where none does."""
    managers = dicts(as_dict(raw.get("metadata")).get("managedFields"))
    managers = [one for one in managers if one.get("subresource") != "status"]
    steps = [_steps(path) for path in paths]
    owning = [one for one in managers if any(_owns(as_dict(one.get("fieldsV1")), path) for path in steps)]
    found = [(parse_time(one.get("time")), as_text(one.get("manager"))) for one in owning or managers]
    dated = [(at, name) for at, name in found if at is not None]
    if dated:
        at, name = max(dated)
        return name, at
    return (found[-1][1], None) if found else ("", None)


def created(raw: dict[str, Any]) -> tuple[str, datetime | None]:
    """(client, time) of the object's creation."""
    at = parse_time(as_dict(raw.get("metadata")).get("creationTimestamp"))
    managers = dicts(as_dict(raw.get("metadata")).get("managedFields"))
    first = [
        (parse_time(one.get("time")), as_text(one.get("manager")))
        for one in managers
        if one.get("subresource") != "status"
    ]
    dated = sorted((when, name) for when, name in first if when is not None)
    return (dated[0][1] if dated else "", at)


def _steps(path: str) -> list[str]:
    return [match[1] or match[3] or "" for match in _STEP.finditer(path)]


def _owns(owned: dict[str, Any], steps: list[str]) -> bool:
    """Whether a field, or something above or below it, is owned: as deep as FieldsV1 can be followed by names."""
    here = owned
    for depth, step in enumerate(steps):
        if not step:
            return bool(here)
        below = here.get(f"f:{step}")
        if not isinstance(below, dict):
            return depth > 1 and not any(key.startswith("f:") for key in here)
        if not below:
            return True
        here = below
    return True
