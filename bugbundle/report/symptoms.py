"""The ledger of symptoms, as text and as plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from bugbundle.analysis import Analysis
from bugbundle.bundle.manifest import format_time
from bugbundle.explanation import Explained
from bugbundle.mesh.ref import Ref
from bugbundle.report.words import clip, count, line
from bugbundle.symptoms import State, Symptom

MOST = 6
"""Symptoms of one group that `analyze` shows; `bugbundle symptoms` shows all."""

MAX_TEXT = 400


def groups(items: Sequence[Explained]) -> Iterator[tuple[str, list[Explained]]]:
    """(heading, symptoms): unexplained, explained, over, harmless; without the empty ones."""
    now = [item for item in items if item.symptom.state is State.NOW]
    made = (
        ("Unexplained", [item for item in now if item.unexplained]),
        ("Explained", [item for item in now if not item.unexplained]),
        ("Over at the capture", [item for item in items if item.symptom.state is State.PAST]),
        ("Harmless", [item for item in items if item.symptom.state is State.HARMLESS]),
    )
    yield from ((heading, found) for heading, found in made if found)


def says(item: Explained) -> str:
    """What explains a symptom, or why it is over or harmless; empty where nothing does."""
    if item.symptom.state is not State.NOW:
        return item.symptom.reason
    if item.diagnosis is not None:
        cause = item.diagnosis.cause
        return f"explained by [{cause.code}] {cause.origin}"
    return f"explained by [{item.finding.code}] {item.finding.origin}" if item.finding else ""


def when(one: Symptom) -> str:
    """`01:20:11–01:28:24, last success 01:19:58`; empty where no time is known."""
    if one.last is None:
        return f"since {one.first:%Y-%m-%d %H:%M:%S}" if one.first else ""
    begun = f"{one.first:%H:%M:%S}–" if one.first and one.first != one.last else ""
    span = f"{begun}{one.last:%H:%M:%S}"
    good = f", last success {one.last_success:%H:%M:%S}" if one.last_success else ""
    return span + good


def lines(analysis: Analysis, most: int = 0) -> Iterator[str]:
    """The ledger, indented by two; at most `most` symptoms of each group (0: all)."""
    for heading, found in groups(analysis.symptoms):
        yield f"  {heading}: {len(found)}"
        shown = found[:most] if most else found
        for item in shown:
            one = item.symptom
            yield f"    {clip(line(one.text), MAX_TEXT)}"
            tail = "; ".join(part for part in (f"{one.kind}", when(one), clip(line(says(item)), MAX_TEXT)) if part)
            yield f"      {tail}"
        if len(found) > len(shown):
            yield f"    and {len(found) - len(shown):,} more (`bugbundle symptoms` has them all)"
    for place in analysis.broken_sources:
        yield f"  a source of symptoms failed, which is a defect of bugbundle: {place}"


def as_text(analysis: Analysis) -> str:
    """What `bugbundle symptoms` prints."""
    found = analysis.symptoms
    now = [item for item in found if item.symptom.state is State.NOW]
    open_ones = len(analysis.unexplained)
    head = count(len(now), "symptom") + (f", {open_ones} unexplained" if now else "")
    rest = len(found) - len(now)
    head += f"; {rest} over or harmless" if rest else ""
    return "\n".join([head, *lines(analysis)]) + "\n"


def as_json(analysis: Analysis) -> str:
    """The same as JSON: the member `symptoms` of `analyze --format json`."""
    return json.dumps({"symptoms": rows(analysis)}, indent=2, ensure_ascii=False) + "\n"


def rows(analysis: Analysis) -> list[dict[str, Any]]:
    """The ledger as plain values."""
    return [row(item) for item in analysis.symptoms]


def row(item: Explained) -> dict[str, Any]:
    """One symptom as plain values."""
    one = item.symptom
    return {
        "id": one.id,
        "kind": str(one.kind),
        "state": str(one.state),
        "subject": _ref(one.subject),
        "other": _ref(one.other) if one.other else None,
        "text": one.text,
        "count": one.count,
        "first": format_time(one.first),
        "last": format_time(one.last),
        "lastSuccess": format_time(one.last_success),
        "grave": one.grave,
        "reason": one.reason,
        "explainedBy": item.diagnosis.cause.id if item.diagnosis else item.finding.id if item.finding else None,
        "evidence": [
            {"entry": proof.pointer.entry, "pointer": proof.pointer.pointer, "text": proof.text} for proof in one.proofs
        ],
    }


def _ref(thing: Ref) -> dict[str, str]:
    return {"kind": thing.kind, "namespace": thing.namespace, "name": thing.name}
