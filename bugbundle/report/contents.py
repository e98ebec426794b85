"""What the bundle holds: entries by source with sizes and times, what was taken out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bugbundle.bundle import Bundle, Entry
from bugbundle.istio import Source, source_of


@dataclass(frozen=True, slots=True)
class Kind:
    """Entries of one source. `odd` counts those with another HTTP status than 200."""

    name: str
    request: str
    entries: int
    size: int
    largest: int
    first: datetime | None
    last: datetime | None
    odd: int


def contents(bundle: Bundle) -> list[Kind]:
    """One row per source, in the order of `Source`."""
    groups: dict[Source, list[Entry]] = {}
    for path in bundle:
        groups.setdefault(source_of(path), []).append(bundle.entry(path))
    return [_kind(source, groups[source]) for source in Source if source in groups]


def _kind(source: Source, entries: list[Entry]) -> Kind:
    times = list(_times(entries))
    spec = source.value
    name = (
        f"{spec.folder}/…/{spec.name}" if spec.folder not in ("", "k8s") else f"{spec.folder}/{spec.name}".lstrip("/")
    )
    return Kind(
        name,
        spec.request,
        len(entries),
        sum(entry.size for entry in entries),
        max(entry.size for entry in entries),
        min(times, default=None),
        max(times, default=None),
        sum(1 for entry in entries if entry.status not in (0, 200)),
    )


def _times(entries: list[Entry]) -> Iterator[datetime]:
    return (entry.at for entry in entries if entry.at is not None)
