"""Findings that came and went, by code and objects: pods stand for their workload, so that rolled ones are the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bugbundle.compare.look import Look, unserved
from bugbundle.compare.model import NotComparable
from bugbundle.mesh.ref import Ref
from bugbundle.rules import Finding
from bugbundle.rules.model import RULES

ABOUT_THE_RECORDING = "BB9"
"""Findings of this family speak of the bundle, not of the mesh: what they tell stands under «not comparable»."""

PASSING = frozenset({"Event", "Node", "ReplicaSet", "EndpointSlice"})
"""Kinds that say nothing of whether a finding is the same one."""


@dataclass
class Findings:
    """What appeared, disappeared, remained; and what could not be told."""

    appeared: list[Finding] = field(default_factory=list)
    disappeared: list[Finding] = field(default_factory=list)
    remained: list[Finding] = field(default_factory=list)
    not_comparable: list[NotComparable] = field(default_factory=list)


def settle(before: Look, after: Look) -> Findings:
    """Hold the findings of both sides against each other."""
    made = Findings()
    olds, news = _keyed(before), _keyed(after)
    rough = ({key[:2] for key in olds}, {key[:2] for key in news})
    for key, finding in news.items():
        if key in olds or key[:2] in rough[0]:
            made.remained.append(finding)
        elif blind := _blind(before, finding):
            made.not_comparable.append(NotComparable(_told(finding), "before", blind))
        elif blind := _half_blind(finding, after, before):
            made.not_comparable.append(NotComparable(_told(finding), "after", blind))
        elif blind := _half_blind(finding, before, after):
            made.not_comparable.append(NotComparable(_told(finding), "before", blind))
        else:
            made.appeared.append(finding)
    for key, finding in olds.items():
        if key in news or key[:2] in rough[1]:
            continue
        if blind := _blind(after, finding) or _half_blind(finding, after, before):
            made.not_comparable.append(NotComparable(_told(finding), "after", blind))
        elif blind := _half_blind(finding, before, after):
            made.not_comparable.append(NotComparable(_told(finding), "before", blind))
        else:
            made.disappeared.append(finding)
    return made


def _told(finding: Finding) -> str:
    return f"finding {finding.code} ({finding.origin})"


def owner_of(look: Look, thing: Ref) -> Ref:
    """The workload of a pod; of anything else itself."""
    if thing.kind != "Pod":
        return thing
    return look.owners.get((thing.namespace, thing.name), thing)


_Key = tuple[str, Ref, frozenset[Ref]]


def _keyed(look: Look) -> dict[_Key, Finding]:
    found: dict[_Key, Finding] = {}
    for finding in look.findings:
        if finding.code.startswith(ABOUT_THE_RECORDING):
            continue
        others = frozenset(owner_of(look, thing) for thing in finding.objects if thing.kind not in PASSING)
        found.setdefault((finding.code, owner_of(look, finding.origin), others), finding)
    return found


def _blind(look: Look, finding: Finding) -> str:
    """Why that side could not have found it; empty where it looked."""
    names = {f"{thing.name}.{thing.namespace}" for thing in finding.objects} | set(finding.affects) | {"mesh"}
    for item in look.not_evaluated:
        if item.code == finding.code and (item.subject in names or item.subject not in look.proxies):
            return item.missing[0] if item.missing else "not evaluated"
    lost = [
        entry for entry in _shared_entries(proof.pointer.entry for proof in finding.proofs) if entry not in look.entries
    ]
    return f"entry {lost[0]}: {look.gaps.get(lost[0], 'not recorded')}" if lost else ""


def _half_blind(finding: Finding, here: Look, there: Look) -> str:
    """What the finding's rule looks at and this side lacks, while the other side has it; empty for nothing."""
    rule = RULES.get(finding.code)
    if rule is None:
        return ""
    for wanted in sorted(rule.reads | rule.optional, key=str):
        if isinstance(wanted, str):
            if wanted in there.listings and wanted not in here.listings and not unserved(here, wanted):
                return f"{wanted}: not recorded"
            continue
        gone = next((path for path in there.lost_to(here) if wanted.pattern.fullmatch(path)), "")
        if gone:
            return f"entry {gone}: {here.gaps.get(gone, 'not recorded')}"
    return ""


def _shared_entries(entries: Iterable[str]) -> list[str]:
    """Of the entries that show a finding those that every recording should have: Kubernetes lists."""
    return [entry for entry in entries if entry.startswith("k8s/")]
