"""Everything that can be said about one bundle: diagnoses, findings, sync, what could not be looked at.

Knows rules and sync over a mesh. Must not know output formats.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from bugbundle.bundle import Bundle, Gap
from bugbundle.diagnosis import Diagnosis, diagnose, of_the_application
from bugbundle.explanation import Explained, explain
from bugbundle.mesh import Mesh
from bugbundle.patches import tried
from bugbundle.rules import Broken, Finding, NotEvaluated, Outcome, Rule, all_rules, run
from bugbundle.symptoms import Symptom, ledger
from bugbundle.sync import ProxySync, compare_all


@dataclass(frozen=True)
class Analysis:
    """All answers about one bundle."""

    mesh: Mesh
    outcome: Outcome
    diagnoses: tuple[Diagnosis, ...]
    namespace: str = ""
    """The one whose symptoms are told; empty for all."""

    @property
    def bundle(self) -> Bundle:
        """The bundle that was looked at."""
        return self.mesh.bundle

    @property
    def findings(self) -> list[Finding]:
        """Every finding, worst first."""
        return self.outcome.findings

    @property
    def not_evaluated(self) -> list[NotEvaluated]:
        """What could not be looked at."""
        return self.outcome.not_evaluated

    @property
    def broken(self) -> list[Broken]:
        """Rules that failed."""
        return self.outcome.broken

    @property
    def gaps(self) -> list[Gap]:
        """Questions without an answer."""
        return list(self.bundle.gaps.values())

    @functools.cached_property
    def symptoms(self) -> tuple[Explained, ...]:
        """The ledger: every symptom with what explains it."""
        found = explain(self.mesh, ledger(self.mesh), self.findings, self.diagnoses)
        return tuple(item for item in found if not self.namespace or item.symptom.concerns(self.namespace))

    def tried(self, item: Diagnosis) -> bool | None:
        """Whether the correction of a diagnosis takes it away and brings nothing new, on the recorded mesh.

        None where there is none, or where it cannot be tried. Each is tried once.
        """
        known = self._tried
        if item.cause.id not in known:
            known[item.cause.id] = tried(self.mesh, item.cause, self.findings)
        return known[item.cause.id]

    @functools.cached_property
    def _tried(self) -> dict[str, bool | None]:
        return {}

    @property
    def unexplained(self) -> list[Symptom]:
        """The symptoms of now that no finding explains, the gravest first."""
        return [one.symptom for one in self.symptoms if one.unexplained]

    @property
    def broken_sources(self) -> tuple[str, ...]:
        """Sources of the ledger that failed: defects of ours."""
        return ledger(self.mesh).broken

    @functools.cached_property
    def sync(self) -> list[ProxySync]:
        """istiod against Envoy, every proxy."""
        return list(compare_all(self.mesh))


def analyze(bundle: Bundle, rules: Iterable[Rule] | None = None) -> Analysis:
    """Run the rules (all of them, unless told) over a bundle."""
    mesh = Mesh(bundle)
    mesh.prefetch()
    return examine(mesh, rules)


def examine(mesh: Mesh, rules: Iterable[Rule] | None = None) -> Analysis:
    """Run the rules (all of them, unless told) over a mesh: its Kubernetes objects may come from files."""
    outcome = run(mesh, all_rules() if rules is None else rules)
    return Analysis(mesh, outcome, ordered(mesh, outcome.findings))


def ordered(mesh: Mesh, findings: list[Finding]) -> tuple[Diagnosis, ...]:
    """The diagnoses: of the same level those first that explain what hurts now, and name a cause."""
    found = diagnose(findings)
    told = explain(mesh, ledger(mesh), findings, found)
    hurting = {id(item.diagnosis) for item in told if item.diagnosis is not None and item.symptom.grave}
    return tuple(
        sorted(found, key=lambda one: (one.level.rank, of_the_application(one), one.restates or id(one) not in hurting))
    )
