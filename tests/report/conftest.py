"""Analyses to report on: made of rules of the tests' own, so that they stay as they are."""

from __future__ import annotations

import meshes
import pytest
from report_cases import HOSTILE, RULE_LIST

from bugbundle.analysis import Analysis, analyze
from bugbundle.rules import Rule
from bugbundle.rules.model import RULES


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> list[Rule]:
    """The tests' own rules, known for the time of one test."""
    for rule in RULE_LIST:
        monkeypatch.setitem(RULES, rule.code, rule)
    return RULE_LIST


@pytest.fixture
def broken(rules: list[Rule]) -> Analysis:
    """Twenty proxies: three stale, two drifting, one lost; hostile names; a gap; a rule that fails."""
    return analyze(meshes.bundle(20, stale=3, drifting=2, absent=1, hostile=HOSTILE), rules)


@pytest.fixture
def healthy(rules: list[Rule]) -> Analysis:
    """Twenty proxies in sync, one rule, nothing found."""
    return analyze(meshes.bundle(20), rules[:1])
