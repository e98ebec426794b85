"""Values as words: times in UTC, ages, sizes, counts; text that is safe to show."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bugbundle.quoting import clean

DASH = "–"


def line(text: str) -> str:
    """The text on one line, cleaned."""
    return clean(" ".join(text.split()))


def clip(text: str, limit: int) -> str:
    """At most `limit` characters; what is left out in the middle is counted."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} … ({len(text) - 2 * half:,} characters more) … {text[-half:]}"


def utc(when: datetime | None) -> str:
    """`2026-11-21 01:04:06 UTC`."""
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when else "time unknown"


def day(when: datetime) -> str:
    """`2026-11-21 01:04`."""
    return f"{when:%Y-%m-%d %H:%M}"


_STEPS = (("year", 365 * 86400), ("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


def span(length: timedelta | float) -> str:
    """A length of time in its largest fitting unit: `23 hours`, `10 years`, `50 seconds`."""
    seconds = abs(length.total_seconds() if isinstance(length, timedelta) else length)
    for word, size in _STEPS:
        if seconds >= 1.5 * size or (seconds >= size and word in ("day", "hour", "minute")):
            return count(round(seconds / size), word)
    return count(round(seconds), "second")


def size(number: int) -> str:
    """Bytes as `12.3 MB`, decimal."""
    value = float(number)
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def count(number: int, word: str, many: str = "") -> str:
    """`1 proxy`, `1,204 proxies`."""
    if number == 1:
        return f"1 {word}"
    if not many:
        many = f"{word[:-1]}ies" if re.search("[^aeiou]y$", word) else f"{word}s"
    return f"{number:,} {many}"


def listed(items: list[str] | tuple[str, ...], limit: int = 3) -> str:
    """`a, b, c and 4 more`."""
    if len(items) <= limit + 1:
        return ", ".join(items)
    return f"{', '.join(items[:limit])} and {len(items) - limit:,} more"
