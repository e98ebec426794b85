"""What could not be looked at, put together by what lacked and why."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bugbundle.bundle import Gap
from bugbundle.istio import Source, source_of
from bugbundle.rules import NotEvaluated

_MISSING = re.compile(r"entry (\S+): (.*)", re.S)


@dataclass
class Unseen:
    """One input that lacked, for one reason: which rules it blinded, on which subjects."""

    what: str
    reason: str
    codes: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)


@dataclass
class GapGroup:
    """Questions of one kind that failed for one reason."""

    what: str
    reason: str
    status: int
    paths: list[str] = field(default_factory=list)


def place(path: str) -> str:
    """An entry's path without the pod it belongs to: `proxies/…/config_dump.json`."""
    source = source_of(path)
    if source in (Source.KUBERNETES, Source.BUNDLE):
        return path
    return f"{source.value.folder}/…/{source.value.name}"


def unseen(items: Iterable[NotEvaluated]) -> list[Unseen]:
    """Rules that could not look, most blinding first."""
    groups: dict[tuple[str, str], Unseen] = {}
    rules: dict[tuple[str, str], dict[str, None]] = {}
    subjects: dict[tuple[str, str], dict[str, None]] = {}
    for item in items:
        for missing in item.missing:
            match = _MISSING.fullmatch(missing)
            key = (place(match[1]), match[2]) if match else ("", missing)
            groups.setdefault(key, Unseen(*key))
            rules.setdefault(key, {})[item.code] = None
            subjects.setdefault(key, {})[item.subject] = None
    for key, group in groups.items():
        group.codes, group.subjects = sorted(rules[key]), list(subjects[key])
    return sorted(groups.values(), key=lambda group: (-len(group.codes), -len(group.subjects), group.what))


def other_gaps(gaps: Iterable[Gap], blinding: Iterable[Unseen]) -> list[GapGroup]:
    """Gaps that no rule suffers from: those that do are told already."""
    told = {(group.what, group.reason) for group in blinding}
    return [group for group in gap_groups(gaps) if (group.what, group.reason) not in told]


def gap_groups(gaps: Iterable[Gap]) -> list[GapGroup]:
    """Gaps by kind and reason, most first."""
    groups: dict[tuple[str, str, int], GapGroup] = {}
    for gap in gaps:
        key = (place(gap.path), gap.reason or "no answer", gap.status)
        groups.setdefault(key, GapGroup(*key)).paths.append(gap.path)
    return sorted(groups.values(), key=lambda group: (-len(group.paths), group.what))
