"""Numbers with their nouns; texts of others cut to length."""

from __future__ import annotations

from collections.abc import Iterable


def some(number: int, noun: str) -> str:
    """`1 pod`, `3 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def clip(text: str, limit: int = 300) -> str:
    """At most `limit` characters, cut behind a word where there is one, and marked with `…` where it was cut."""
    if len(text) <= limit:
        return text
    kept = text[: limit - 1]
    whole = kept.rpartition(" ")[0]
    return (whole if 2 * len(whole) > limit else kept) + "…"


def go_list(items: Iterable[object]) -> str:
    """`[a b]`, as Go prints a list."""
    return "[" + " ".join(str(item) for item in items) + "]"


def quoted(text: str) -> str:
    r"""`"a\"b"`, as Go's %q does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
