"""Who can call whom, as text: workloads with equal answers together, what they reach first, then what they don't and
why.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from bugbundle.mesh.ref import Ref
from bugbundle.quoting import clean
from bugbundle.trace import Answer, Change, Goal, Reach
from bugbundle.trace.model import Ending
from bugbundle.views.trace import WIDTH
from bugbundle.words import some

SHOWN = 24
"""Workloads of a group that are named; the JSON names all."""


def text(found: Reach) -> str:
    """A block for each group of workloads."""
    blocks = []
    for sources, goals in found.groups():
        lines = [
            *_wrapped(_listed(_named(sources)), ""),
            *_ways(found, sources[0], goals),
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n" if blocks else "No workload and no Service to ask about.\n"


def _named(sources: list[Ref]) -> list[str]:
    names = [f"{one.namespace}/{one.name}" for one in sources]
    return [*names[:SHOWN], f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else names


def _ways(found: Reach, who: Ref, goals: dict[Answer, list[Goal]]) -> Iterator[str]:
    order = sorted(goals, key=lambda one: (not one.arrives, str(one.ending), str(one.because)))
    for answer in order:
        head = f"  {_title(answer)}: "
        yield from _wrapped(_listed(map(str, goals[answer])), head)
        if not answer.arrives:
            yield from _wrapped(found.reasons.get((who, goals[answer][0]), ""), "    ")


def _title(answer: Answer) -> str:
    if answer.ending is Ending.DELIVERED:
        return "reaches"
    seen = " ".join(filter(None, [str(answer.code or ""), answer.flag]))
    made = f" by {answer.because}" if answer.because else ""
    return f"{answer.ending}{f' ({seen})' if seen else ''}{made}"


def changes(found: list[Change]) -> str:
    """What two recordings differ in: lost flows first, then new ones."""
    lines: list[str] = []
    for change in found:
        who, goal = change.flows[0]
        verb = "work no longer" if change.lost else "work now"
        made = f", {'because of' if change.lost else 'held back before by'} {change.because}" if change.because else ""
        head = f"{some(len(change.flows), 'flow')} {verb}{made} ({change.ending}): "
        lines += _wrapped(f"{head}for example {who.namespace}/{who.name} to {goal}. {change.reason}", "")
    return "\n".join(lines) + "\n" if lines else "Every flow that both recordings know ends the same way.\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _wrapped(said: str, head: str) -> list[str]:
    inner = " " * (4 if head else 0)
    return textwrap.wrap(clean(said), WIDTH, initial_indent=head, subsequent_indent=inner, break_on_hyphens=False)
