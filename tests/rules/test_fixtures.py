"""Every rule against its fixture: it fires as expected, is quiet where it should be, and reads what it declares."""

from __future__ import annotations

import fixtures
import pytest

from bugbundle.rules import Rule

RULES = fixtures.rules()


@pytest.fixture(params=RULES, ids=[rule.code for rule in RULES])
def rule(request: pytest.FixtureRequest) -> Rule:
    return request.param


def test_fires(rule: Rule) -> None:
    found, _ = fixtures.outcome(rule, "fires")
    expected = (fixtures.folder(rule) / "expected.txt").read_text().splitlines()
    assert (found.broken, found.not_evaluated) == ([], [])
    assert expected
    assert sorted(finding.line for finding in found.findings) == expected


def test_quiet(rule: Rule) -> None:
    assert (fixtures.folder(rule) / "quiet").is_dir()
    found, _ = fixtures.outcome(rule, "quiet")
    assert (found.broken, found.not_evaluated) == ([], [])
    assert [finding.line for finding in found.findings] == []


@pytest.mark.parametrize("part", ["fires", "quiet"])
def test_reads_what_it_declares(rule: Rule, part: str) -> None:
    _, touched = fixtures.outcome(rule, part)
    assert {fixtures.resource(path) for path in touched} <= rule.reads | rule.optional


def test_evidence_can_be_found(rule: Rule) -> None:
    """Every proof points to an entry of the fixture."""
    found, _ = fixtures.outcome(rule, "fires")
    known = fixtures.entries(rule, "fires")
    assert [proof.pointer.entry for finding in found.findings for proof in finding.proofs] != []
    assert {p.pointer.entry for finding in found.findings for p in finding.proofs} <= known.keys()


def test_card(rule: Rule) -> None:
    assert rule.summary
    assert rule.section("Why it matters")
    assert rule.section("What to do")
