"""Symptoms joined into causes.

Findings that share an object, where one's rule explains the other's code, form a tree: the most upstream finding is
the cause, the others its consequences. Diagnoses are ranked by level, by how sure they are, by where in the mesh the
cause lies (control plane before one workload), and by how much of the mesh they break.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from bugbundle.mesh.ref import Ref
from bugbundle.rules.components import explains
from bugbundle.rules.model import RULES, Finding, Level


@dataclass(frozen=True)
class Diagnosis:
    """One cause: the finding that explains the others, and these."""

    cause: Finding
    consequences: tuple[Finding, ...]

    @property
    def title(self) -> str:
        """One sentence that names the object at fault."""
        told = _plain(self.cause) or _named(self.cause)
        return f"Unexplained: {told}" if self.restates else told

    @property
    def level(self) -> Level:
        """The gravest of the cause and its consequences."""
        return min((one.level for one in (self.cause, *self.consequences)), key=lambda level: level.rank)

    @property
    def restates(self) -> bool:
        """Whether it tells a symptom for which no cause was found."""
        rule = RULES.get(self.cause.code)
        return rule is not None and rule.restates

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
        """What the finding says of this case, else the rule's card."""
        rule = RULES.get(self.cause.code)
        return self.cause.todo or (rule.section("What to do") if rule else "")

    @property
    def why(self) -> str:
        """From the rule's card."""
        rule = RULES.get(self.cause.code)
        return rule.section("Why it matters") if rule else ""


MISSING = {
    "host+subset in destinationrule": "sends to subset {1} of host {0}, which no DestinationRule defines",
    "host:port": "sends to {0}, a port that this host does not have",
    "host": "sends to host {0}, which the mesh does not know",
    "gateway": "is bound to Gateway {0}, which does not exist",
    "selector": "selects {0}, which fits no pod",
    "credentialName": "names Secret {0}, which is not where the gateway's pods are",
}
"""istioctl's IST0101 (`Referenced … not found: "…"`) in plain words."""


def _plain(finding: Finding) -> str:
    """What IST0101 means; empty for other findings."""
    match = re.fullmatch(r'Referenced (.+) not found: "(.*)"', finding.message)
    if not match:
        return ""
    words = MISSING.get(match[1], f"refers to {match[1]} {{0}}, which does not exist")
    return f"{finding.origin} {words.format(*match[2].split('+', 1))}"


def _named(finding: Finding) -> str:
    """The message, with the object in front where the message does not name it."""
    known = finding.origin.name in finding.message or finding.origin.kind in ("Mesh", "Bundle")
    return finding.message if known else f"{finding.origin}: {finding.message}"


def diagnose(findings: Iterable[Finding]) -> list[Diagnosis]:
    """The diagnoses, the most important first; none where nothing is an Error or a headline Warning."""
    known = {finding.id: finding for finding in findings}
    parents = _parents(list(known.values()))
    groups: dict[str, list[Finding]] = defaultdict(list)
    roots: list[Finding] = []
    for finding in known.values():
        root = _root(finding, parents, known)
        if root is not finding:
            groups[root.id].append(finding)
        elif _headline(finding):
            roots.append(finding)
    return sorted((Diagnosis(root, tuple(groups.get(root.id, ()))) for root in roots), key=_rank)


def _headline(finding: Finding) -> bool:
    """Whether it may stand as a diagnosis: Errors and Warnings of rules that diagnose."""
    rule = RULES.get(finding.code)
    if rule is not None and not rule.diagnosis:
        return False
    return finding.level in (Level.ERROR, Level.WARNING)


def _parents(findings: list[Finding]) -> dict[str, str]:
    """finding → the finding that explains it best."""
    holders: dict[Ref, list[Finding]] = defaultdict(list)
    for finding in findings:
        rule = RULES.get(finding.code)
        if rule is not None and (rule.explains or _headline(finding)):
            for thing in finding.objects:
                holders[thing].append(finding)
    parents: dict[str, str] = {}
    for finding in findings:
        near = {other.id: other for thing in finding.objects for other in holders.get(thing, ())}
        likely = [
            (weight, -other.level.rank, -other.confidence.rank, other.id)
            for other in near.values()
            if other.id != finding.id and _may_explain(other, finding) and (weight := _weight(finding, other))
        ]
        if likely:
            parents[finding.id] = max(likely)[-1]
    return parents


def _may_explain(cause: Finding, finding: Finding) -> bool:
    """By the cause's own card, or because what the code is about depends on what the cause is about."""
    rule = RULES.get(finding.code)
    if rule is not None and rule.fallback:
        return cause.origin == finding.origin and _headline(cause) and not RULES[cause.code].fallback
    return finding.code in RULES[cause.code].explains or (_headline(cause) and explains(cause.code, finding.code))


def _weight(finding: Finding, cause: Finding) -> int:
    """How much two findings share: what is at fault weighs more than who suffers.

    Sharing nothing but pods explains only where the cause reaches at least half of those that suffer: one proxy in
    trouble is no reason for what a hundred have.
    """
    shared = set(finding.objects) & set(cause.objects)
    if all(thing.kind == "Pod" for thing in shared) and finding.origin not in shared:
        reached = len(set(finding.affects) & set(cause.affects))
        if 2 * reached < len(finding.affects):
            return 0
    return len(shared) + 2 * (finding.origin in shared)


def _root(start: Finding, parents: dict[str, str], known: dict[str, Finding]) -> Finding:
    """The most upstream finding that may be a headline; in a circle, the one of the upper layer."""
    chain = [start]
    while (above := parents.get(chain[-1].id)) is not None:
        if known[above] in chain:
            circle = chain[chain.index(known[above]) :]
            first = min(circle, key=lambda one: (one.level.rank, _layer(one), one.sort_key()))
            chain = [*chain[: len(chain) - len(circle)], first]
            break
        chain.append(known[above])
    return next((one for one in reversed(chain) if _headline(one)), start)


LAYERS = ("BB1", "BB2", "BB4", "BB6", "BB5", "BB3", "BB7", "IST", "BB8", "BB9")
"""Upstream first: the control plane, distribution, identity, injection, ambient, configuration, traffic, workloads."""


def _layer(finding: Finding) -> int:
    return next((n for n, prefix in enumerate(LAYERS) if finding.code.startswith(prefix)), len(LAYERS))


WORKLOADS = frozenset({"BB801", "BB802", "BB803", "BB804", "BB805"})
"""What goes wrong with pods, of whichever program."""

MESH = ("BB1", "BB2", "BB5", "BB6")
"""What only pods of Istio bring about when they fail."""


def of_the_application(diagnosis: Diagnosis) -> bool:
    """Whether it is trouble of somebody's own pods: no part of the mesh suffers from it."""
    suffering = (one.code for one in diagnosis.consequences)
    return diagnosis.cause.code in WORKLOADS and not any(code.startswith(MESH) for code in suffering)


def _rank(diagnosis: Diagnosis) -> tuple[object, ...]:
    cause = diagnosis.cause
    return (
        diagnosis.level.rank,
        diagnosis.restates,
        of_the_application(diagnosis),
        cause.confidence.rank,
        -len(diagnosis.affects) - len(diagnosis.consequences),
        _layer(cause),
        cause.sort_key(),
    )
