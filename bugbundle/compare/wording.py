"""Changes in a line of words."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bugbundle.codec import encode
from bugbundle.compare.model import ABSENT, Change, Field
from bugbundle.words import clip

WIDTH = 60
"""Characters of one value in a line."""


def value(thing: Any, limit: int = WIDTH) -> str:
    """A value in one line: text as it is, anything else as JSON; `(absent)` where there is none."""
    if thing is ABSENT:
        return "(absent)"
    text = thing if isinstance(thing, str) else encode(thing).decode("utf-8", "replace")
    return clip(" ".join(text.split()), limit) or '""'


def field_line(item: Field, limit: int = WIDTH) -> str:
    """`spec.http[0].route[1].weight: 10 → 100`."""
    one, two = changed_lines(item)
    if item.before is ABSENT:
        return f"{item.path}: {value(two, limit)} added"
    if item.after is ABSENT:
        return f"{item.path}: {value(one, limit)} removed"
    return f"{item.path}: {value(one, limit)} → {value(two, limit)}"


def changed_lines(item: Field) -> tuple[Any, Any]:
    """The values; of texts of several lines those lines that differ."""
    one, two = item.before, item.after
    if not (isinstance(one, str) and isinstance(two, str)) or ("\n" not in one and "\n" not in two):
        return one, two
    lefts, rights = one.splitlines(), two.splitlines()
    old, new = set(lefts), set(rights)
    left = "\n".join(line.strip() for line in lefts if line not in new)
    right = "\n".join(line.strip() for line in rights if line not in old)
    return left or "(nothing)", right or "(nothing)"


def fields_line(items: tuple[Field, ...], most: int = 2) -> str:
    """The first fields, and how many more there are."""
    told = "; ".join(field_line(item) for item in items[:most])
    rest = len(items) - most
    return f"{told}; and {rest} more field{'s' if rest > 1 else ''}" if rest > 0 else told


def when(change: Change, started: datetime | None) -> str:
    """` (kubectl, 14:02)`; with the day where it is another than the recording's; empty where nothing is known."""
    parts = [change.by] if change.by else []
    if change.at:
        same = started is not None and change.at.date() == started.date()
        parts.append(f"{change.at:%H:%M}" if same else f"{change.at:%Y-%m-%d %H:%M}")
    return f" ({', '.join(parts)})" if parts else ""
