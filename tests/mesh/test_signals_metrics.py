"""Prometheus' text format."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bugbundle.mesh.signals.metrics import Sample, quantile, samples, total

TEXT = """# HELP pushes all
# TYPE pushes counter
pushes{type="cds",note="a \\"b\\" } c"} 3
pushes{type="lds"} 1e3
pushes_total 7
odd{type="x"} NaN
plain 2 1700000000
took_bucket{le="1"} 90
took_bucket{le="10"} 98
took_bucket{le="+Inf"} 100
took_count 100
"""


def test_samples() -> None:
    assert list(samples(TEXT, "pushes")) == [
        Sample({"type": "cds", "note": 'a \\"b\\" } c'}, 3.0, 3),
        Sample({"type": "lds"}, 1000.0, 4),
    ]
    assert list(samples(TEXT, "plain")) == [Sample({}, 2.0, 7)]
    assert list(samples(TEXT, "odd")) == []


def test_total() -> None:
    assert (total(TEXT, "pushes"), total(TEXT, "pushes", type="lds"), total(TEXT, "none")) == (1003.0, 1000.0, 0.0)


def test_quantile() -> None:
    assert (quantile(TEXT, "took", 0.5), quantile(TEXT, "took", 0.95)) == (1.0, 10.0)
    assert quantile(TEXT, "took", 0.99) == math.inf
    assert quantile(TEXT, "none", 0.99) is None


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    for sample in samples("m" + text + "\nm " + text, "m"):
        assert not math.isnan(sample.value)
