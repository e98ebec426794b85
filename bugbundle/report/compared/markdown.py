"""A comparison as Markdown, for a ticket."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

from bugbundle.compare import Change, Comparison, TimeLine
from bugbundle.compare.wording import changed_lines, value, when
from bugbundle.report.compared.outline import consequences, outline
from bugbundle.report.markdown import code, escape
from bugbundle.report.words import count, listed, utc
from bugbundle.rules import Finding

MAX_ROOTS = 10
MAX_ROWS = 12
MAX_REST = 30


def render(result: Comparison, time_line: TimeLine | None = None) -> str:
    """The whole answer, ended by a newline."""
    return "\n".join(_lines(result, time_line)).rstrip("\n") + "\n"


def _lines(result: Comparison, time_line: TimeLine | None) -> Iterator[str]:
    yield f"**{_text(result.headline)}**"
    yield ""
    for name, side in (("Before", result.before), ("After", result.after)):
        yield f"- {name}: {code(PurePath(side.origin).name)}, {utc(side.started)}"
    yield from (f"- Note: {_text(note)}" for note in result.notes)
    yield ""
    if time_line is not None:
        yield from _time_line(time_line)
    seen = outline(result)
    for root in seen.told[:MAX_ROOTS]:
        yield from _root(result, root)
    rest = [*seen.told[MAX_ROOTS:], *seen.quiet]
    if rest:
        yield from ("### Also changed, without a consequence that was seen", "")
        yield from (f"- {_text(one.summary)}" for one in rest[:MAX_REST])
        yield from ([f"- and {len(rest) - MAX_REST:,} more"] if len(rest) > MAX_REST else [])
        yield ""
    if seen.restarted:
        names = listed([str(one.object) for one in seen.restarted], 3)
        yield f"Restarted: {count(len(seen.restarted), 'workload')} ({names})"
        yield ""
    yield from _findings("Findings that appeared", result.appeared)
    yield from _findings("Findings that are gone", result.disappeared)
    if result.not_comparable:
        yield from ("### Could not be compared", "")
        yield from (f"- {_text(i.what)} ({i.side}: {_text(i.reason)})" for i in result.not_comparable[:MAX_REST])
        yield ""
    total = sum(item.count for item in result.ignored)
    if total:
        yield f"Left out as saying nothing: {count(total, 'difference')}."


def _root(result: Comparison, root: Change) -> Iterator[str]:
    title = f"{root.object} {root.change}" if root.kind == "object" else root.summary
    yield from (f"### {_text(title + when(root, result.after.started))}", "")
    if root.kind == "object" and root.fields:
        yield from ("| field | before | after |", "|---|---|---|")
        for item in root.fields[:MAX_ROWS]:
            one, two = changed_lines(item)
            yield f"| {_cell(item.path)} | {_cell(value(one, 200))} | {_cell(value(two, 200))} |"
        if len(root.fields) > MAX_ROWS:
            yield f"| and {len(root.fields) - MAX_ROWS} more | | |"
        yield ""
    below = consequences(result, root)
    yield from (f"- → {_text(one.summary)}" for one in below[:MAX_ROWS])
    if len(below) > MAX_ROWS:
        yield f"- → and {len(below) - MAX_ROWS} more"
    yield ""


def _findings(title: str, items: list[Finding]) -> Iterator[str]:
    if not items:
        return
    yield from (f"### {title}: {len(items)}", "")
    yield from (f"- {_text(item.line)}" for item in items[:MAX_REST])
    yield ""


def _time_line(found: TimeLine) -> Iterator[str]:
    yield from ("### Time line", "", "| from | to | what changed |", "|---|---|---|")
    for one in found.steps:
        mark = "**began here** " if one is found.began else ""
        yield f"| {utc(one.before.started)} | {utc(one.after.started)} | {mark}{_text(one.headline)} |"
    yield ""


_text = escape


def _cell(text: str) -> str:
    """A code span inside a table, where a bar would end the cell."""
    return code(text).replace("|", "\\|")
