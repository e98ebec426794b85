"""An analysis as a terminal shows it: the first diagnosis on the first line, findings in istioctl's form."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from bugbundle.analysis import Analysis
from bugbundle.diagnosis import Diagnosis
from bugbundle.patches import command
from bugbundle.report.alike import alike
from bugbundle.report.headline import headline, looked_at, tally
from bugbundle.report.symptoms import MOST
from bugbundle.report.symptoms import lines as symptom_lines
from bugbundle.report.unseen import other_gaps, unseen
from bugbundle.report.words import clip, count, line, listed
from bugbundle.rules import Finding, Level, Proof

MAX_EVIDENCE = 8
MAX_CONSEQUENCES = 10
MAX_FINDINGS = 200
MAX_UNSEEN = 12
MAX_TEXT = 600
"""Characters of one value; texts in JSON are whole."""

TRIED = {
    True: "(tried on the recorded mesh: the finding is gone, and nothing new came)",
    False: "(tried on the recorded mesh: it does not take the finding away by itself, or something new came)",
    None: "(not tried)",
}

_COLOURS = {"Error": "31", "Warning": "33", "Info": "36", "Fine": "32", "Unknown": "33"}


class Pen:
    """Writes in colours, or does not; folds paragraphs at `width` (0: not at all)."""

    def __init__(self, colour: bool, width: int) -> None:
        self.colour = colour
        self.width = width

    def level(self, level: str, text: str) -> str:
        """In the level's colour."""
        return f"\x1b[1;{_COLOURS[level]}m{text}\x1b[0m" if self.colour else text

    def bold(self, text: str) -> str:
        """Bold."""
        return f"\x1b[1m{text}\x1b[0m" if self.colour else text

    def dim(self, text: str) -> str:
        """Dim."""
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def fold(self, text: str, indent: str) -> Iterator[str]:
        """A paragraph, indented."""
        if not self.width:
            yield indent + text
            return
        yield from textwrap.wrap(
            text,
            max(self.width, len(indent) + 20),
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def render(analysis: Analysis, *, colour: bool = False, width: int = 0) -> str:
    """The whole answer, ended by a newline."""
    pen = Pen(colour, width)
    first = headline(analysis)
    blocks: list[list[str]] = [[pen.level(first.level, short(first.text))]]
    blocks[0] += [f"Note: {short(note)}" for note in analysis.bundle.notes]
    if analysis.diagnoses:
        blocks.append(list(_first(analysis, pen)))
    groups = alike(analysis.diagnoses)
    if len(groups) > 1:
        blocks.append(list(_others(groups[1:], pen)))
    if analysis.findings:
        blocks.append(list(_findings(analysis.findings, tally(analysis), pen)))
    if analysis.symptoms or analysis.broken_sources:
        blocks.append([pen.bold("Symptoms"), *symptom_lines(analysis, MOST)])
    blocks.append(list(_unseen(analysis, pen)))
    blocks.append([looked_at(analysis)])
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def short(text: str) -> str:
    """One line, not too long."""
    return clip(line(text), MAX_TEXT)


def _first(analysis: Analysis, pen: Pen) -> Iterator[str]:
    diagnoses = analysis.diagnoses
    item = diagnoses[0]
    cause = item.cause
    yield f"  {pen.bold(short(str(cause.origin)))} {pen.dim(f'[{cause.code}] {cause.confidence}')}"
    involved = [short(str(thing)) for thing in item.objects if thing != cause.origin]
    if involved:
        yield f"  involves {listed(involved, 4)}"
    if item.affects:
        yield f"  affects {listed([short(name) for name in item.affects], 4)}"
    same = [short(str(other.cause.origin)) for other in alike(diagnoses)[0][1:]]
    if same:
        yield f"  the same holds for {listed(same, 4)}"
    yield from _section("Why it matters", [item.why], pen)
    yield from _section("What to do", [item.what_to_do], pen)
    yield from _section("Correction", correction(analysis, item), pen, folded=False)
    yield from _section("Evidence", _evidence(cause.proofs), pen, folded=False)
    lines = [short(finding.line) for finding in item.consequences[:MAX_CONSEQUENCES]]
    rest = len(item.consequences) - len(lines)
    yield from _section("Consequences", [*lines, *([f"and {rest:,} more"] if rest else [])], pen, folded=False)


def correction(analysis: Analysis, item: Diagnosis) -> list[str]:
    """The correction as a command, and what became of it on the recorded mesh; empty where there is none."""
    patch = item.cause.patch
    return [short(command(patch)), TRIED[analysis.tried(item)]] if patch else []


def _section(title: str, texts: Sequence[str], pen: Pen, *, folded: bool = True) -> Iterator[str]:
    shown = [text for text in texts if text]
    if not shown:
        return
    yield ""
    yield f"  {pen.bold(title)}"
    for text in shown:
        if folded:
            yield from pen.fold(line(text), "    ")
        else:
            yield f"    {text}"


def _evidence(proofs: Sequence[Proof]) -> list[str]:
    lines = [f"{short(str(proof.pointer))}: {short(proof.text)}" for proof in proofs[:MAX_EVIDENCE]]
    rest = len(proofs) - len(lines)
    return [*lines, *([f"and {rest:,} more"] if rest else [])]


def _others(groups: Sequence[Sequence[Diagnosis]], pen: Pen) -> Iterator[str]:
    yield pen.bold(count(sum(map(len, groups)), "other diagnosis", "other diagnoses"))
    for group in groups:
        item = group[0]
        cause = item.cause
        yield f"  {pen.level(cause.level, cause.level)} {short(item.title)}"
        tail = f", {count(len(item.consequences), 'consequence')}" if item.consequences else ""
        yield pen.dim(f"    [{cause.code}] {short(str(cause.origin))}, {cause.confidence}{tail}")
        if len(group) > 1:
            yield f"    the same holds for {listed([short(str(other.cause.origin)) for other in group[1:]], 3)}"
        if item.what_to_do:
            yield from pen.fold(f"What to do: {line(item.what_to_do)}", "    ")


def _findings(items: Sequence[Finding], total: str, pen: Pen) -> Iterator[str]:
    yield pen.bold(f"Findings: {total}")
    for item in items[:MAX_FINDINGS]:
        rest = short(item.line).removeprefix(str(item.level))
        yield pen.level(item.level, item.level) + rest
    if len(items) > MAX_FINDINGS:
        yield f"and {len(items) - MAX_FINDINGS:,} more (--format json has them all)"


def _unseen(analysis: Analysis, pen: Pen) -> Iterator[str]:
    groups = unseen(analysis.not_evaluated)
    gaps = other_gaps(analysis.gaps, groups)
    if not groups and not gaps and not analysis.broken:
        return
    yield pen.bold("Could not be looked at")
    for group in groups[:MAX_UNSEEN]:
        who = count(len(group.subjects), "subject")
        if group.subjects == ["mesh"]:
            who = "the mesh"
        yield f"  {short(f'{group.what}: {group.reason}'.lstrip(': '))}"
        yield pen.dim(f"    so not evaluated on {who}: {listed(group.codes, 12)}")
    if len(groups) > MAX_UNSEEN:
        yield f"  and {count(len(groups) - MAX_UNSEEN, 'other input')} (--format json has them all)"
    for found in gaps[:MAX_UNSEEN]:
        yield f"  {short(found.what)}: {short(found.reason)} ({count(len(found.paths), 'gap')})"
    if len(gaps) > MAX_UNSEEN:
        yield f"  and {count(len(gaps) - MAX_UNSEEN, 'other kind')} of gap"
    for failed in analysis.broken[:20]:
        yield f"  {pen.level(Level.ERROR, 'broken rule')} {failed.code} on {short(failed.subject)}: {failed.error}"
