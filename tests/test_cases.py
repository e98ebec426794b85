"""A share of the public reports of tests/cases: none fares worse than was written down last (`make accuracy`: all)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import accuracy  # noqa: E402
from case_places import places  # noqa: E402
from case_scene import CaseError  # noqa: E402
from cases import FOLDER, all_cases, load  # noqa: E402

CASES = {case.name: case for case in all_cases()}
SHARE = sorted(CASES)[::6]
ORDER = ["first", "quiet", "later", "missed", "loud"]


@pytest.mark.parametrize("name", SHARE)
def test_no_case_fares_worse(name: str) -> None:
    known = accuracy.outcomes()[name]
    found = accuracy.score(CASES[name])
    assert ORDER.index(found.outcome) <= ORDER.index(known), found.headline


def test_every_case_was_scored_and_tells_its_report() -> None:
    assert set(accuracy.outcomes()) == set(CASES)
    assert [name for name, case in CASES.items() if not case.report.startswith("https://")] == []
    assert [path.name for path in FOLDER.glob("*.yaml") if path.stat().st_size > 20_000] == []


def test_a_case_with_an_unknown_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("report: https://example.com/1\nquiet: true\nrequest: []\n")
    with pytest.raises(CaseError, match="unknown members"):
        load(path)


def test_a_path_finds_members_of_lists_by_name_and_pattern() -> None:
    document = {"a": [{"n": {"name": "x"}, "v": 1}, {"n": {"name": "y/z"}, "v": 2}, {"v": 3}]}
    found = [
        [holder[key] for holder, key in places(document, path)] for path in ("a/n.name=x/v", "a/n.name~^y/v", "a/*/v")
    ]
    assert found == [[1], [2], [1, 2, 3]]
