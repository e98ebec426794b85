"""The JSONPath of CRDs' printer columns: fields, indexes, `[*]` and `[?(@.type=="Ready")]`.

Source: k8s.io/client-go/util/jsonpath, of which CRDs may use the simple part only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Step = Callable[[Any], list[Any]]

_TOKEN = re.compile(
    r"""\.(?P<field>(?:\\.|[^.\[\\])+)
    | \[\s*(?P<index>-?\d{1,9})\s*\]
    | (?P<all>\[\s*\*\s*\]|\.\*)
    | \[\s*(?P<quoted>'[^']*'|"[^"]*")\s*\]
    | \[\?\(\s*@\.(?P<key>[\w.\-]+)\s*(?P<sign>==|!=)\s*(?P<value>'[^']*'|"[^"]*"|[\w.\-]+)\s*\)\]""",
    re.VERBOSE,
)
MAX_PATH = 1024


def parse(path: str) -> list[Step] | None:
    """The steps of a path such as `.status.conditions[?(@.type=="Ready")].status`; None where it is none."""
    path = path.strip().removeprefix("{").removesuffix("}").removeprefix("$")
    if len(path) > MAX_PATH or not path:
        return None
    steps, place = [], 0
    while place < len(path):
        found = _TOKEN.match(path, place)
        if not found:
            return None
        steps.append(_step(found))
        place = found.end()
    return steps


def results(steps: list[Step], value: Any) -> list[Any]:
    """Everything that the path leads to, in order."""
    found = [value]
    for step in steps:
        found = [item for one in found for item in step(one)]
    return found


def _step(found: re.Match[str]) -> Step:
    if found["all"]:
        return _every
    if found["index"] is not None:
        return _at(int(found["index"]))
    if found["key"]:
        return _filter(found["key"].split("."), found["sign"] == "==", found["value"].strip("'\""))
    key = found["quoted"][1:-1] if found["quoted"] else found["field"]
    return _field(re.sub(r"\\(.)", r"\1", key))


def _every(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _at(index: int) -> Step:
    def step(value: Any) -> list[Any]:
        inside = isinstance(value, list) and -len(value) <= index < len(value)
        return [value[index]] if inside else []

    return step


def _field(key: str) -> Step:
    return lambda value: [value[key]] if isinstance(value, dict) and key in value else []


def _filter(keys: list[str], equal: bool, wanted: str) -> Step:
    def holds(item: Any) -> bool:
        for key in keys:
            item = item.get(key) if isinstance(item, dict) else None
        shown = {True: "true", False: "false"}.get(item, item) if isinstance(item, bool) else item
        return shown is not None and (str(shown) == wanted) == equal

    return lambda value: [item for item in value if holds(item)] if isinstance(value, list) else []
