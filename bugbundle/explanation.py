"""Which symptom is explained by which cause, and which by none.

A finding explains a symptom that it cites as evidence, or one of the kinds that its rule declares and that shares
an object with it: the subject, the other end, one of the pods, or the workload above them. What no finding
explains is told as unexplained: nothing that hurts goes unmentioned.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bugbundle.diagnosis import Diagnosis
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import RULES, Finding, Level
from bugbundle.symptoms import Ledger, State, Symptom


@dataclass(frozen=True)
class Explained:
    """A symptom; the finding that explains it, and the diagnosis which that belongs to (None: nothing does)."""

    symptom: Symptom
    finding: Finding | None = None
    diagnosis: Diagnosis | None = None

    @property
    def unexplained(self) -> bool:
        """Whether it speaks of now, is not harmless, and nothing accounts for it."""
        return self.symptom.state is State.NOW and self.finding is None


class Explainer:
    """Findings by what they are about and by what they cite."""

    def __init__(self, mesh: Mesh, findings: Iterable[Finding], diagnoses: Sequence[Diagnosis]) -> None:
        self._mesh = mesh
        self._near: dict[Ref, list[Finding]] = {}
        self._cited: dict[object, list[Finding]] = {}
        self._place: dict[str, int] = {}
        self._diagnoses = diagnoses
        for place, diagnosis in enumerate(diagnoses):
            for finding in (diagnosis.cause, *diagnosis.consequences):
                self._place[finding.id] = place
        for finding in findings:
            self._add(finding)

    def _add(self, finding: Finding) -> None:
        for proof in finding.proofs:
            self._cited.setdefault(proof.pointer, []).append(finding)
        if not _counts(finding):
            return
        for thing in self.around(set(finding.objects) | set(map(_pod, finding.affects))):
            self._near.setdefault(thing, []).append(finding)

    def around(self, things: Iterable[Ref]) -> set[Ref]:
        """The things, and the workloads above those that are pods."""
        found = set(things)
        for thing in list(found):
            pod = self._mesh.pods.get((thing.namespace, thing.name)) if thing.kind == "Pod" else None
            if pod is not None:
                found.add(workload(self._mesh, pod))
        return found

    def of(self, symptom: Symptom) -> Explained:
        """The symptom with what explains it best."""
        found = {finding.id: finding for proof in symptom.proofs for finding in self._cited.get(proof.pointer, ())}
        about = self.around(symptom.about)
        for thing in about:
            for finding in self._near.get(thing, ()):
                if symptom.kind in RULES[finding.code].symptoms:
                    found.setdefault(finding.id, finding)
        if not found:
            return Explained(symptom)
        best = min(found.values(), key=lambda one: (self._restates(one), self._place.get(one.id, 10**6), one.id))
        place = self._place.get(best.id)
        return Explained(symptom, best, None if place is None else self._diagnoses[place])

    def _restates(self, finding: Finding) -> bool:
        place = self._place.get(finding.id)
        cause = finding if place is None else self._diagnoses[place].cause
        return cause.code in RULES and RULES[cause.code].restates


def _counts(finding: Finding) -> bool:
    rule = RULES.get(finding.code)
    return rule is not None and rule.diagnosis and finding.level is not Level.INFO


def _pod(affected: str) -> Ref:
    name, _, namespace = affected.rpartition(".")
    return Ref("Pod", namespace, name)


def explain(
    mesh: Mesh, ledger: Ledger, findings: Iterable[Finding], diagnoses: Sequence[Diagnosis]
) -> tuple[Explained, ...]:
    """Every symptom, in the ledger's order."""
    explainer = Explainer(mesh, findings, diagnoses)
    return tuple(
        explainer.of(symptom) if symptom.state is State.NOW else Explained(symptom) for symptom in ledger.symptoms
    )
