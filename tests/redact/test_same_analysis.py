"""The analysis of a cleaned recording is the analysis of the recording: a seeded share of captures and cases."""

from __future__ import annotations

import random

import captures
import pytest

from bugbundle.analysis import Analysis, analyze
from bugbundle.bundle import Bundle, open_bundle
from bugbundle.clean import CleanStore

SHARE = 2
NAMES = [name for name in captures.NAMES if not name.startswith("scale")]
CHOSEN = random.Random(13).sample(NAMES, min(SHARE, len(NAMES)))


def told(analysis: Analysis) -> tuple[list[str], list[str], list[str]]:
    """Findings, diagnoses, and what was not evaluated."""
    diagnoses = [f"{item.cause.code} {item.title}" for item in analysis.diagnoses]
    findings = [f"{item.level} {item.code} {item.origin} {item.message}" for item in analysis.findings]
    return findings, diagnoses, sorted(str(item) for item in analysis.not_evaluated)


@pytest.mark.parametrize("name", CHOSEN)
def test_cleaning_changes_no_answer(name: str) -> None:
    folder = captures.bundle_folder(name)
    raw = open_bundle(folder)
    clean = Bundle(CleanStore(raw))
    assert told(analyze(clean)) == told(analyze(raw))
