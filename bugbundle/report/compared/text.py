"""A comparison as a terminal shows it: what changed that matters in the first line, its consequences, then the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from bugbundle.compare import Change, Comparison, Field, TimeLine
from bugbundle.compare.wording import field_line, when
from bugbundle.report.compared.outline import Outline, consequences, outline
from bugbundle.report.text import Pen, short
from bugbundle.report.words import count, listed, utc
from bugbundle.rules import Finding

MAX_ROOTS = 10
"""Root changes that are told with what followed; the rest in a line each, those without a consequence together."""

MAX_FIELDS = 8
MAX_CONSEQUENCES = 8
MAX_REST = 30


def render(result: Comparison, line: TimeLine | None = None, *, colour: bool = False, width: int = 0) -> str:
    """The whole answer, ended by a newline."""
    pen = Pen(colour, width)
    level = (
        "Fine" if not result.roots else "Error" if any(one.level == "Error" for one in result.changes) else "Warning"
    )
    seen = outline(result)
    blocks = [[pen.level(level, short(result.headline)), *_sides(result)]]
    if line is not None:
        blocks.append(list(_time_line(line, pen)))
    blocks += [list(_root(result, root, pen)) for root in seen.told[:MAX_ROOTS]]
    blocks.append(list(_rest(seen, pen)))
    blocks.append(list(_findings("Findings that appeared", result.appeared, pen)))
    blocks.append(list(_findings("Findings that are gone", result.disappeared, pen)))
    blocks.append(list(_populations(result, pen)))
    blocks.append(list(_not_comparable(result, pen)))
    blocks.append(list(_ignored(result, pen)))
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _sides(result: Comparison) -> Iterator[str]:
    for name, side in (("before", result.before), ("after", result.after)):
        yield f"  {name:7} {short(PurePath(side.origin).name)}, {utc(side.started)}"
    for note in result.notes:
        yield f"Note: {short(note)}"


def _root(result: Comparison, root: Change, pen: Pen) -> Iterator[str]:
    yield pen.bold(short(f"{root.object} {root.change}" if root.kind == "object" else root.summary)) + pen.dim(
        when(root, result.after.started)
    )
    yield from _fields(root.fields)
    below = consequences(result, root)
    for one in below[:MAX_CONSEQUENCES]:
        yield f"  → {short(one.summary)}"
    if len(below) > MAX_CONSEQUENCES:
        yield f"  → and {count(len(below) - MAX_CONSEQUENCES, 'more consequence')}"


def _fields(fields: tuple[Field, ...]) -> Iterator[str]:
    for item in fields[:MAX_FIELDS]:
        yield f"    {short(field_line(item, 120))}"
    if len(fields) > MAX_FIELDS:
        yield f"    and {count(len(fields) - MAX_FIELDS, 'more field')}"


def _rest(seen: Outline, pen: Pen) -> Iterator[str]:
    rest = [*seen.told[MAX_ROOTS:], *seen.quiet]
    if rest:
        yield pen.bold("Also changed, without a consequence that was seen")
        for one in rest[:MAX_REST]:
            yield f"  {short(one.summary)}"
        if len(rest) > MAX_REST:
            yield f"  and {len(rest) - MAX_REST:,} more (--format json has them all)"
    if seen.restarted:
        names = [str(one.object) for one in seen.restarted]
        yield pen.bold(f"Restarted: {count(len(names), 'workload')}") + f" ({listed(names, 3)})"


def _findings(title: str, items: list[Finding], pen: Pen) -> Iterator[str]:
    if items:
        yield pen.bold(f"{title}: {len(items)}")
    for item in items[:MAX_REST]:
        yield "  " + pen.level(item.level, item.level) + short(item.line).removeprefix(str(item.level))
    if len(items) > MAX_REST:
        yield f"  and {len(items) - MAX_REST:,} more (--format json has them all)"


def _populations(result: Comparison, pen: Pen) -> Iterator[str]:
    for name, found in result.populations.items():
        if found.added or found.removed:
            yield pen.bold(f"{name.capitalize()}: ") + f"{found.common} on both sides"
        if found.added:
            yield f"  new: {listed(list(found.added), 5)}"
        if found.removed:
            yield f"  gone: {listed(list(found.removed), 5)}"


def _not_comparable(result: Comparison, pen: Pen) -> Iterator[str]:
    if not result.not_comparable:
        return
    yield pen.bold("Could not be compared")
    for item in result.not_comparable[:MAX_REST]:
        yield f"  {short(item.what)} ({item.side}: {short(item.reason)})"
    if len(result.not_comparable) > MAX_REST:
        yield f"  and {len(result.not_comparable) - MAX_REST:,} more"


def _ignored(result: Comparison, pen: Pen) -> Iterator[str]:
    if not result.ignored:
        return
    total = sum(item.count for item in result.ignored)
    yield pen.dim(
        f"Left out: {count(total, 'difference')} that says nothing"
        if total == 1
        else f"Left out: {count(total, 'difference')} that say nothing"
    )
    for reason, items in _by_reason(result).items():
        yield pen.dim(f"  {reason}: {listed(items, 4)}")


def _by_reason(result: Comparison) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in result.ignored:
        found.setdefault(item.reason, []).append(f"{item.count} {item.kind}")
    return found


def _time_line(line: TimeLine, pen: Pen) -> Iterator[str]:
    yield pen.bold("Time line")
    for one in line.steps:
        mark = "▶" if one is line.began else " "
        yield f"{mark} {utc(one.before.started)} → {utc(one.after.started)}  {short(one.headline)}"
    if line.began is None:
        yield "  Nothing began to go wrong between these bundles"
