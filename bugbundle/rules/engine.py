"""Runs rules over a mesh: findings, what could not be looked at, what broke."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh, Proxy, Ztunnel
from bugbundle.mesh.parts import Part
from bugbundle.rules.model import Blind, Broken, Evidence, Finding, Level, NotEvaluated, Rule, Subject

DOCS = "https://istio.io/latest/docs/reference/config/analysis/{code}/?ref=istioctl-analyze"


@dataclass
class Outcome:
    """All that came out of a run; `checked` counts the subjects that each rule looked at."""

    findings: list[Finding] = field(default_factory=list)
    not_evaluated: list[NotEvaluated] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)


def run(mesh: Mesh, rules: Iterable[Rule]) -> Outcome:
    """Every rule over every subject of its kind. A crash is a `Broken` with the rule's code; the others go on."""
    outcome = Outcome()
    for rule in rules:
        outcome.checked[rule.code] = 0
        for subject in subjects(mesh, rule):
            _one(mesh, rule, subject, outcome)
    unique = {(finding.id, finding.reference): finding for finding in outcome.findings}
    outcome.findings = sorted(unique.values(), key=Finding.sort_key)
    return outcome


def subjects(mesh: Mesh, rule: Rule) -> Iterator[Subject]:
    """What a rule is run on."""
    if rule.per is Mesh:
        yield mesh
    elif rule.per is Proxy:
        yield from mesh.proxies
    elif rule.per is Istiod:
        yield from mesh.istiods
    elif rule.per is Ztunnel:
        yield from mesh.ztunnels


def _one(mesh: Mesh, rule: Rule, subject: Subject, outcome: Outcome) -> None:
    name = subject.id if isinstance(subject, Part) else "mesh"
    missing = tuple(missing_inputs(mesh, rule, subject))
    if missing:
        outcome.not_evaluated.append(NotEvaluated(rule.code, name, missing))
        return
    try:
        seen = list(_sure(mesh, rule, subject))
        found = [_told(mesh, rule, item) for item in seen if not isinstance(item, Blind)]
    except Exception as error:
        outcome.broken.append(Broken(rule.code, name, _place(error)))
        return
    outcome.checked[rule.code] += 1
    outcome.findings.extend(found)
    outcome.not_evaluated.extend(NotEvaluated(rule.code, *item) for item in seen if isinstance(item, Blind))


def _sure(mesh: Mesh, rule: Rule, subject: Subject) -> Iterator[Evidence | Blind]:
    """What a rule says; in place of what it says after it looked in vain for something that was not recorded, that."""
    items = iter(rule.check(subject))
    while True:
        mesh.kube.doubts.clear()
        item = next(items, None)
        if item is None:
            return
        if isinstance(item, Blind) or not mesh.kube.doubts:
            yield item
        else:
            yield Blind(str(item.origin), tuple(mesh.kube.doubts))


def missing_inputs(mesh: Mesh, rule: Rule, subject: Subject) -> Iterator[str]:
    """`entry PATH: REASON` for each declared input that the bundle lacks."""
    for source in sorted(rule.reads, key=str):
        if isinstance(source, str):
            gap = mesh.kube.gap(source) or (None if rule.code.startswith("IST") else mesh.kube.unlisted(source))
            if gap is not None and (gap.status or mesh.kube.serves(source) is not False):
                yield gap.text
        elif not _present(mesh, source, subject):
            yield _why(mesh, source, subject)


def _present(mesh: Mesh, source: Source, subject: Subject) -> bool:
    if isinstance(subject, Part) and source.value.folder == subject.folder:
        if "*" in source.value.name:
            return any(map(source.pattern.fullmatch, mesh.bundle.paths(subject.entry(""))))
        return source.entry(subject.namespace, subject.name) in mesh.bundle
    return source in mesh.sources


def _why(mesh: Mesh, source: Source, subject: Subject) -> str:
    if isinstance(subject, Part) and source.value.folder == subject.folder:
        return mesh.bundle.gap(source.entry(subject.namespace, subject.name)).text
    for path, gap in mesh.bundle.gaps.items():
        if source.pattern.fullmatch(path):
            return gap.text
    return f"entry {source.value.folder}/…/{source.value.name}: none in this bundle"


def _told(mesh: Mesh, rule: Rule, evidence: Evidence) -> Finding:
    """The finding, with the line of its first proof where that stands in a file."""
    reference = mesh.kube.reference(evidence.proofs[0].pointer) if evidence.proofs else ""
    return finding(rule, evidence, reference)


def finding(rule: Rule, evidence: Evidence, reference: str = "") -> Finding:
    """What a person reads of one piece of evidence; `reference` is `file:line`."""
    url = DOCS.format(code=rule.code.lower()) if rule.code.startswith("IST") else ""
    return Finding(
        code=rule.code,
        level=Level.INFO if evidence.harmless else evidence.level or rule.level,
        origin=evidence.origin,
        message=rule.message.format(**evidence.values),
        objects=tuple(dict.fromkeys((evidence.origin, *evidence.objects))),
        proofs=evidence.proofs,
        affects=evidence.affects,
        confidence=evidence.confidence,
        at=evidence.at,
        documentation_url=url,
        reference=reference,
        todo=evidence.todo,
        patch=evidence.patch,
        harmless=evidence.harmless,
    )


def _place(error: Exception) -> str:
    """The kind of an exception and the line it came from; its text may hold what must not be shown."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {PurePath(last.filename).name}:{last.lineno}"
