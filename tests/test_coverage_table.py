"""docs/coverage.md: every problem has a row, every row an answer, and every check that is named exists."""

from __future__ import annotations

import re
from pathlib import Path

from bugbundle.rules import all_rules

TABLE = Path(__file__).resolve().parent.parent / "docs" / "coverage.md"
ROW = re.compile(r"^\| ([A-Z]+-\d+) \| ([^|]+) \| ([^|]+) \|$", re.M)


def answers() -> dict[str, str]:
    return {number: told for number, _, told in ROW.findall(TABLE.read_text(encoding="utf-8"))}


def test_every_row_has_an_answer() -> None:
    known = {rule.code for rule in all_rules()}
    for number, told in answers().items():
        named = set(re.split(r", ", told))
        assert named <= known or re.match(r"(missing|not decidable: )", told), (number, told)


def test_the_rest_of_the_text_names_checks_that_exist() -> None:
    named = set(re.findall(r"\b(?:BB|IST)\d{3,4}\b", TABLE.read_text(encoding="utf-8")))
    assert named - {rule.code for rule in all_rules()} == set()


def test_the_sums_are_right() -> None:
    told = list(answers().values())
    missing = sum(one.startswith("missing") for one in told)
    undecidable = sum(one.startswith("not decidable") for one in told)
    sums = f"Told by a check: {len(told) - missing - undecidable}; missing: {missing}; "
    assert len(told) == 204
    assert f"{sums}not decidable from a recording: {undecidable}." in TABLE.read_text(encoding="utf-8")
