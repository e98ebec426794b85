"""Everything that can be said about one bundle: diagnoses, findings, sync, what could not be looked at.

Knows rules and sync over a mesh. Must not know output formats.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

from bugbundle.bundle import Bundle, Gap
from bugbundle.diagnosis import Diagnosis, diagnose
from bugbundle.mesh import Mesh
from bugbundle.rules import Broken, Finding, NotEvaluated, Outcome, Rule, all_rules, run
from bugbundle.sync import ProxySync, compare_all


@dataclass(frozen=True)
class Analysis:
    """All answers about one bundle."""

    mesh: Mesh
    outcome: Outcome
    diagnoses: tuple[Diagnosis, ...]

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
    return Analysis(mesh, outcome, tuple(diagnose(outcome.findings)))
