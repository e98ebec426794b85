"""Symptoms joined into causes.

Findings that share an object, where one's rule explains the other's code, form a tree: the most upstream finding is
the cause, the others its consequences. Diagnoses are ranked by level, by how sure they are, by where in the mesh the
cause lies (control plane before one workload), and by how much of the mesh they break.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bugbundle.rules.model import RULES, Finding, Level, Ref


@dataclass(frozen=True)
class Diagnosis:
    """One cause: the finding that explains the others, and these."""

    cause: Finding
    consequences: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """One sentence."""
        return self.cause.message

    @property
    def affects(self) -> tuple[str, ...]:
        """Proxies and workloads that suffer, by the cause or its consequences."""
        found = [item for finding in (self.cause, *self.consequences) for item in finding.affects]
        return tuple(dict.fromkeys(found))

    @property
    def objects(self) -> tuple[Ref, ...]:
        """The objects at fault."""
        return self.cause.objects

    @property
    def what_to_do(self) -> str:
        """From the rule's card."""
        rule = RULES.get(self.cause.code)
        return rule.section("What to do") if rule else ""

    @property
    def why(self) -> str:
        """From the rule's card."""
        rule = RULES.get(self.cause.code)
        return rule.section("Why it matters") if rule else ""


def diagnose(findings: Iterable[Finding]) -> list[Diagnosis]:
    """The diagnoses, the most important first; none where nothing is an Error or a headline Warning."""
    known = list(findings)
    parents = _parents(known)
    groups: dict[str, list[Finding]] = defaultdict(list)
    by_id = {finding.id: finding for finding in known}
    for finding in known:
        root = _root(finding.id, parents)
        if root != finding.id:
            groups[root].append(finding)
    roots = [f for f in known if _root(f.id, parents) == f.id]
    made = [Diagnosis(by_id[f.id], tuple(groups.get(f.id, ()))) for f in roots if _headline(f, groups)]
    return sorted(made, key=_rank)


def _headline(finding: Finding, groups: dict[str, list[Finding]]) -> bool:
    """Errors and Warnings of rules that diagnose; a Warning also where it explains an Error."""
    rule = RULES.get(finding.code)
    if rule is not None and not rule.diagnosis:
        return False
    return finding.level in (Level.ERROR, Level.WARNING)


def _parents(findings: list[Finding]) -> dict[str, str]:
    """finding → the finding that explains it best (most shared objects)."""
    holders: dict[Ref, list[Finding]] = defaultdict(list)
    for finding in findings:
        rule = RULES.get(finding.code)
        if rule is not None and rule.explains:
            for thing in finding.objects:
                holders[thing].append(finding)
    parents: dict[str, str] = {}
    for finding in findings:
        shared: dict[str, int] = defaultdict(int)
        for thing in finding.objects:
            for other in holders.get(thing, ()):
                if other.id != finding.id and finding.code in RULES[other.code].explains:
                    shared[other.id] += 1
        if shared:
            parents[finding.id] = max(shared, key=lambda key: (shared[key], key))
    return parents


def _root(start: str, parents: dict[str, str]) -> str:
    """The most upstream finding; a circle ends where it closes."""
    seen = {start}
    here = start
    while here in parents and parents[here] not in seen:
        here = parents[here]
        seen.add(here)
    return here


LAYERS = ("BB1", "BB2", "BB4", "BB6", "BB5", "BB3", "BB7", "IST", "BB8", "BB9")
"""Upstream first: the control plane, distribution, identity, injection, ambient, configuration, traffic, workloads."""


def _rank(diagnosis: Diagnosis) -> tuple[object, ...]:
    cause = diagnosis.cause
    layer = next((n for n, prefix in enumerate(LAYERS) if cause.code.startswith(prefix)), len(LAYERS))
    application = cause.code.startswith("BB8")
    return (
        cause.level.rank,
        application,
        cause.confidence.rank,
        -len(diagnosis.affects) - len(diagnosis.consequences),
        layer,
        cause.sort_key(),
    )
