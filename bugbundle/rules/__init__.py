"""Checks over a mesh: one file per rule, its docstring is its documentation.

Knows mesh and sync. Must not know archives, the command line or any output format, nor the views.
"""

from bugbundle.mesh.ref import Proof, Ref
from bugbundle.rules.catalogue import all_rules
from bugbundle.rules.engine import Outcome, run
from bugbundle.rules.model import Broken, Confidence, Evidence, Finding, Level, NotEvaluated, Rule

__all__ = [
    "Broken",
    "Confidence",
    "Evidence",
    "Finding",
    "Level",
    "NotEvaluated",
    "Outcome",
    "Proof",
    "Ref",
    "Rule",
    "all_rules",
    "run",
]
