"""Column definitions and the register of built-in kinds' printers.

Source of all built-in columns: k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bugbundle.codec import Raw, decode
from bugbundle.replay.ages import Clock
from bugbundle.replay.shape import Object, objects, strings, text

Cells = Callable[[Object, Clock], list[Any]]
"""One object, the time of the capture → its cells, one per column."""

NONE = "<none>"
UNSET = "<unset>"


@dataclass(frozen=True, slots=True)
class Column:
    """One column as `TableColumnDefinition` says it; priority 1 shows in `-o wide` only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    def definition(self) -> Object:
        """As JSON."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


@dataclass(frozen=True, slots=True)
class Printer:
    """The columns of a kind, and how one object fills them."""

    columns: tuple[Column, ...]
    cells: Cells
    spec: Callable[[Raw], Any] = decode
    """Reads the part of `spec` that the cells need."""


PRINTERS: dict[tuple[str, str], Printer] = {}
"""(group, plural) → printer."""


def columns(layout: str) -> tuple[Column, ...]:
    """`Name|Ready|IP+|Count:integer`: `+` means wide only; the column called Name holds the object's name."""
    found = []
    for part in layout.split("|"):
        name, _, kind = part.removesuffix("+").partition(":")
        form = "name" if name == "Name" else ""
        found.append(Column(name, kind or "string", form, 1 if part.endswith("+") else 0))
    return tuple(found)


def table(layout: str, *resources: str, spec: Callable[[Raw], Any] = decode) -> Callable[[Cells], Cells]:
    """Registers a printer for `plural` (core) or `plural.group`; `spec` reads what its cells need of the spec."""

    def register(cells: Cells) -> Cells:
        for resource in resources:
            plural, _, group = resource.partition(".")
            PRINTERS[group, plural] = Printer(columns(layout), cells, spec)
        return cells

    return register


def name_of(obj: Object) -> str:
    """`metadata.name`."""
    return text(obj, "metadata", "name")


def age_of(obj: Object, clock: Clock) -> str:
    """Age of the object at the time of the capture."""
    return clock.since(_stamp(obj))


def _stamp(obj: Object) -> Any:
    meta = obj.get("metadata")
    return meta.get("creationTimestamp") if isinstance(meta, dict) else None


def containers(obj: Object, *path: str) -> list[str]:
    """[names, images] of the containers under a pod template's spec."""
    found = objects(obj, *path, "containers")
    return [",".join(text(item, "name") for item in found), ",".join(text(item, "image") for item in found)]


def labels(value: Any) -> str:
    """`labels.FormatLabels`: `a=b,c=d` sorted, `<none>` when empty."""
    if not isinstance(value, dict) or not value:
        return NONE
    return ",".join(sorted(f"{key}={item}" for key, item in value.items() if isinstance(item, str)))


def label_selector(value: Any) -> str:
    """`metav1.FormatLabelSelector`: requirements sorted by key, `<none>` when empty."""
    parts = []
    for key, item in (value.get("matchLabels") or {}).items() if isinstance(value, dict) else ():
        parts.append((str(key), f"{key}={item}"))
    for rule in objects(value, "matchExpressions"):
        key, sign = text(rule, "key"), text(rule, "operator")
        values = ",".join(sorted(strings(rule, "values")))
        shown = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        parts.append((key, shown.get(sign, "<error>")))
    return ",".join(part for _, part in sorted(parts)) or NONE


def first_three(found: list[str], count: int | None = None, empty: str = UNSET) -> str:
    """`a,b,c + 2 more...`."""
    total = len(found) if count is None else count
    shown = ",".join(found[:3])
    if total > 3:
        return f"{shown} + {total - 3} more..."
    return shown or empty
