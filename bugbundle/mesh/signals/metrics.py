"""Prometheus' text format, as far as rules need it: name, labels, value.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


class Sample(NamedTuple):
    """One line: the labels as written (escapes kept), the value, the line's number."""

    labels: dict[str, str]
    value: float
    line: int


def samples(text: str, name: str) -> Iterator[Sample]:
    """Every sample of one metric; lines that are odd are passed over."""
    start = 0
    while (at := text.find(name, start)) >= 0:
        start = at + len(name)
        if at and text[at - 1] != "\n":
            continue
        stop = text.find("\n", at)
        line = text[at : stop if stop >= 0 else len(text)]
        rest = line[len(name) :]
        if rest[:1] not in ("{", " "):
            continue
        labels, _, number = rest.rpartition("}") if rest[0] == "{" else ("", "", rest)
        value = _number(number.split()[0] if number.split() else "")
        if value is not None:
            yield Sample(dict(_LABEL.findall(labels)), value, text.count("\n", 0, at) + 1)


def total(text: str, name: str, **labels: str) -> float:
    """The sum over the samples that carry these labels."""
    return sum(s.value for s in samples(text, name) if labels.items() <= s.labels.items())


def quantile(text: str, name: str, share: float) -> float | None:
    """The upper bound of the bucket in which a share of a histogram's values ends; None where it has no values.

    `inf` where they lie above the last bucket.
    """
    buckets: dict[float, float] = {}
    for sample in samples(text, f"{name}_bucket"):
        bound = _number(sample.labels.get("le", ""))
        if bound is not None:
            buckets[bound] = buckets.get(bound, 0.0) + sample.value
    count = buckets.get(math.inf, 0.0)
    if count <= 0:
        return None
    return next((bound for bound in sorted(buckets) if buckets[bound] >= share * count), math.inf)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return None if math.isnan(value) else value
