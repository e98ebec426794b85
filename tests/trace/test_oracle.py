"""A recorded share of the real Envoy's answers: route, cluster, code and flag are the walk's too."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from oracle import fixture  # noqa: E402
from oracle.answers import judge  # noqa: E402

LINES = list(fixture.read(Path(__file__).parent / "envoy_answers.jsonl"))
BUNDLES = sorted({line["bundle"] for line, _ in LINES})


@pytest.mark.parametrize("bundle", BUNDLES)
def test_equal_to_envoy(bundle: str) -> None:
    mesh = fixture.mesh_of(bundle, ROOT / "sample_bundles")
    counts: Counter[str] = Counter()
    wrong: list[Any] = []
    for line, answers in LINES:
        if line["bundle"] != bundle:
            continue
        proxy = mesh.proxy(line["proxy"])
        assert proxy is not None
        asked = fixture.again(proxy, line["count"])
        assert fixture.digest(asked) == line["asked"], "the questions are made differently: record the answers anew"
        for question, row in zip(asked, answers, strict=True):
            verdict, mine, theirs = judge(proxy, question, row)
            counts[verdict] += 1
            if verdict == "differ":
                wrong.append((question, mine, theirs))
    assert wrong == []
    assert counts["not modelled"] + counts["no answer"] <= counts["equal"] / 50
