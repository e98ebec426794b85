"""Recorded answers of istioctl: none may differ that did not, none may be explained that was equal.

Two recordings in full, a sample of the others. `python tools/parity.py --write` writes expected.json after an
improvement; a new recording of the same kinds needs none.
"""

import json
import sys
from collections import Counter
from pathlib import Path

import captures
import pytest

sys.path.insert(0, str(captures.ROOT / "tools"))

import parity
from parity_reasons import REASONS

WHOLE = ("healthy", "waypoint-missing")
EVERY = 13
EXPECTED = json.loads((Path(__file__).parent / "expected.json").read_text())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_recorded_answers(name: str):
    folder = captures.folder(name)
    known = EXPECTED[name]
    found = list(parity.results(folder, every=1 if name in WHOLE else EVERY))
    differs = {row.file for row in found if row.outcome == "differs"} - set(known["differs"])
    assert [parity.difference(row, lines=8) for row in found if row.file in differs] == []
    assert {row.file for row in found if row.outcome == "unsupported"} <= set(known["unsupported"])
    explained = Counter(f"{row.command}: {row.reason}" for row in found if row.outcome == "explained")
    assert explained - Counter(known["explained"]) == Counter()


def test_every_reason_is_told():
    told = (captures.ROOT / "docs" / "parity.md").read_text()
    assert [key for key in REASONS if f"### {key}\n" not in told] == []
