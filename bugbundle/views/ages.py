"""Ages as kubectl and istioctl write them. Source: k8s.io/apimachinery/pkg/util/duration, HumanDuration."""

from __future__ import annotations

from datetime import datetime


def age(then: datetime | None, now: datetime | None) -> str:
    """`51s`, `3m2s`, `7h5m`, `2d3h`, `1y30d`; empty where a time is unknown."""
    if then is None or now is None:
        return ""
    seconds = int((now - then).total_seconds())
    if seconds < -1:
        return "<invalid>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, hours = seconds // 60, seconds // 3600
    days = hours // 24
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _two(days // 365, "y", days % 365, "d") if days < 365 * 8 else f"{days // 365}y"


def _two(great: int, unit: str, small: int, of: str) -> str:
    return f"{great}{unit}{small}{of}" if small else f"{great}{unit}"
