"""What was collected, what is missing and why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bugbundle.bundle import Gap
    from bugbundle.collect.run import Result

MOST = 10
"""Reasons that are listed."""
SHORTEST = 3
"""Letters of a name that is taken out of a reason, so that reasons of several are one."""


def summary(result: Result) -> Iterator[str]:
    """The lines of the end."""
    size = result.path.stat().st_size
    yield f"{result.entries} entries, {result.bytes / 1e6:.1f} MB in {size / 1e6:.2f} MB"
    groups = grouped(result.gaps)
    for (reason, status), gaps in groups[:MOST]:
        if len(gaps) == 1:
            yield f"gap {gaps[0].path}: {gaps[0].reason or 'no answer'}"
        else:
            code = f"HTTP {status}: " if status and str(status) not in reason else ""
            yield f"gap {len(gaps)} entries ({', '.join(_kinds(gaps))}): {code}{reason or 'no answer'}"
    if len(groups) > MOST:
        rest = groups[MOST:]
        yield f"and {sum(len(gaps) for _, gaps in rest)} more gaps, for {len(rest)} reasons"
    if result.ended:
        yield "Ended before all was asked."
    yield f"Next: bugbundle analyze {result.path}" + (f"; every gap: bugbundle info {result.path}" if groups else "")


def as_dict(result: Result) -> dict[str, Any]:
    """For `--format json`."""
    gaps = [{"path": gap.path, "status": gap.status, "reason": gap.reason} for gap in result.gaps]
    size = result.path.stat().st_size
    found = {"path": str(result.path), "entries": result.entries, "bytes": result.bytes, "size": size}
    return {**found, "partial": result.partial, "gaps": gaps}


def grouped(gaps: Iterable[Gap]) -> list[tuple[tuple[str, int], list[Gap]]]:
    """Gaps of one reason, names aside; the most first."""
    found: dict[tuple[str, int], list[Gap]] = {}
    for gap in gaps:
        found.setdefault((_general(gap), gap.status), []).append(gap)
    return sorted(found.items(), key=lambda pair: -len(pair[1]))


def _general(gap: Gap) -> str:
    reason = gap.reason
    for part in sorted(gap.path.removesuffix(".json").split("/")[1:], key=len, reverse=True):
        if len(part) >= SHORTEST:
            reason = reason.replace(part, "…")
    return reason


def _kinds(gaps: Iterable[Gap]) -> list[str]:
    """Which kinds of entry these are, three at most."""
    found = list(dict.fromkeys("/".join((gap.path.split("/")[0], "…", gap.path.rpartition("/")[2])) for gap in gaps))
    return [*found[:3], "…"] if len(found) > 3 else found
