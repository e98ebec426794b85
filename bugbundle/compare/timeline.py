"""Many bundles of one mesh, oldest first: what changed from each to the next, and when it began to go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bugbundle.bundle import Bundle
from bugbundle.compare.engine import compare_looks
from bugbundle.compare.filters import Filter
from bugbundle.compare.look import Look
from bugbundle.compare.many import looks
from bugbundle.compare.model import Comparison


@dataclass
class TimeLine:
    """`steps`: each bundle against the next; `began` the first step in which something went wrong that is still so in
    the last bundle, None where there is none."""

    steps: list[Comparison]
    began: Comparison | None


def over_time(bundles: Sequence[Bundle], only: Filter | None = None) -> tuple[Comparison, TimeLine | None]:
    """The first against the last, and for more than two the time line, oldest first."""
    ordered = sorted(bundles, key=lambda one: (one.started is None, one.started.timestamp() if one.started else 0.0))
    if len(bundles) == 2:
        ordered = list(bundles)
    seen = looks(ordered)
    first = previous = next(seen)
    steps: list[Comparison] = []
    latest: Look = first
    for (older, newer), latest in zip(pairwise(ordered), seen, strict=True):
        steps.append(compare_looks(previous, latest, older, newer, only))
        previous = latest
    if len(steps) == 1:
        return steps[0], None
    whole = compare_looks(first, latest, ordered[0], ordered[-1], only)
    return whole, TimeLine(steps, _began(steps, whole))


def _began(steps: list[Comparison], whole: Comparison) -> Comparison | None:
    """The step in which what is wrong at the end came to be: of the first root's own changes, else of any bad one."""
    lasting = {change.id for change in whole.changes if change.level == "Error" or change.kind == "proxy"}
    codes = {(item.code, item.origin.kind, item.origin.namespace) for item in whole.appeared if item.id in whole.causes}
    for step in steps:
        if any(change.id in lasting for change in step.changes if change.level == "Error"):
            return step
        if any((item.code, item.origin.kind, item.origin.namespace) in codes for item in step.appeared):
            return step
    main = {change.id for change in whole.roots[:1]}
    return next((step for step in steps if any(change.id in main for change in step.changes)), None)
