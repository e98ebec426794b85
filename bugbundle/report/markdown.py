"""An analysis as Markdown, to paste into an issue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bugbundle.analysis import Analysis
from bugbundle.diagnosis import Diagnosis
from bugbundle.report.alike import alike
from bugbundle.report.headline import headline, looked_at, tally
from bugbundle.report.symptoms import MOST, groups, says
from bugbundle.report.unseen import other_gaps, unseen
from bugbundle.report.words import clip, count, line, listed, utc

MAX_FINDINGS = 200
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|!~&])")
_LINKS = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)(?=\w)|(?<=#)(?=\w)", re.IGNORECASE)
"""Where a forge would make a link of a URL, a mention of a name, a reference of a number."""


def escape(text: str) -> str:
    """Text that Markdown (and the HTML in it) shows as it is, on one line."""
    return _LINKS.sub("<!-- -->", _SPECIAL.sub(r"\\\1", clip(line(text), 600)))


def code(text: str) -> str:
    """A code span that no backtick in the text can end."""
    shown = clip(line(text), 600)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def render(analysis: Analysis) -> str:
    """The whole answer."""
    return "\n".join(_lines(analysis)) + "\n"


def _lines(analysis: Analysis) -> Iterator[str]:
    yield f"# {escape(headline(analysis).text)}"
    yield ""
    clusters = ", ".join(analysis.bundle.header.clusters)
    yield escape(f"Recorded {utc(analysis.mesh.now)}{f' from {clusters}' if clusters else ''}. {looked_at(analysis)}")
    for note in analysis.bundle.notes:
        yield f"\n> **Note:** {escape(note)}"
    for number, group in enumerate(alike(analysis.diagnoses)):
        yield from _diagnosis(group[0], group[1:], first=number == 0)
    if analysis.findings:
        yield f"\n## Findings: {tally(analysis)}\n"
        yield from (
            f"- **{item.level}** {code(item.code)} {code(str(item.origin))} {escape(item.message)}"
            for item in analysis.findings[:MAX_FINDINGS]
        )
        if len(analysis.findings) > MAX_FINDINGS:
            yield f"- and {len(analysis.findings) - MAX_FINDINGS:,} more"
    yield from _symptoms(analysis)
    yield from _unseen(analysis)


def _symptoms(analysis: Analysis) -> Iterator[str]:
    for heading, found in groups(analysis.symptoms):
        yield f"\n## {heading} symptoms: {len(found)}\n"
        for item in found[:MOST]:
            why = says(item)
            yield f"- {escape(item.symptom.text)}" + (f" ({escape(why)})" if why else "")
        if len(found) > MOST:
            yield f"- and {len(found) - MOST:,} more"


def _diagnosis(item: Diagnosis, same: Sequence[Diagnosis], *, first: bool) -> Iterator[str]:
    cause = item.cause
    title = "First diagnosis" if first else f"{cause.level}: {item.title}"
    yield f"\n## {escape(title)}\n"
    yield f"{code(cause.code)} on {code(str(cause.origin))}, {cause.confidence}"
    if same:
        yield f"\nThe same holds for {escape(listed([str(other.cause.origin) for other in same], 8))}"
    if item.affects:
        yield f"\nAffects {escape(listed(item.affects, 8))}"
    if item.why:
        yield f"\n**Why it matters.** {line(item.why)}"
    if item.what_to_do:
        yield f"\n**What to do.** {line(item.what_to_do)}"
    if cause.proofs:
        yield "\n**Evidence**\n"
        yield from (f"- {code(str(proof.pointer))}: {escape(proof.text)}" for proof in cause.proofs[:12])
    if item.consequences:
        yield "\n**Consequences**\n"
        yield from (f"- {escape(found.line)}" for found in item.consequences[:12])
        if len(item.consequences) > 12:
            yield f"- and {len(item.consequences) - 12:,} more"


def _unseen(analysis: Analysis) -> Iterator[str]:
    groups = unseen(analysis.not_evaluated)
    gaps = other_gaps(analysis.gaps, groups)
    if not groups and not gaps and not analysis.broken:
        return
    yield "\n## Could not be looked at\n"
    for group in groups:
        yield f"- {code(group.what)}: {escape(group.reason)} (so not evaluated: {escape(listed(group.codes, 12))})"
    for found in gaps:
        yield f"- {code(found.what)}: {escape(found.reason)} ({count(len(found.paths), 'gap')})"
    for failed in analysis.broken:
        yield f"- broken rule {code(failed.code)} on {code(failed.subject)}: {escape(failed.error)}"
