"""A part of every recording's answers of istioctl (all of them: `make parity`): equal, or explained."""

import sys
from pathlib import Path

import captures
import pytest

sys.path.insert(0, str(Path(captures.ROOT) / "tools"))

import parity

PREFIXES = ("ps", "x_describe", "x_authz", "x_check", "x_inj", "x_int", "zc_", "tag", "way", "vers", "adm", "rem")


@pytest.mark.parametrize("name", captures.NAMES or ["healthy"])
def test_answers_are_istioctls(name: str):
    folder = captures.folder(name)
    every = 11 if name == "scale-400" else 5
    found = [row for prefix in PREFIXES for row in parity.results(folder, prefix, every)]
    assert found
    assert [parity.difference(row) for row in found if row.outcome == "differs"] == []
