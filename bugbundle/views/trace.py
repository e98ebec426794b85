"""A walk as text: a ladder whose rungs are the decisions, at most 100 columns wide; and as a diagram of Mermaid."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from bugbundle.quoting import clean
from bugbundle.trace import Step, Walk
from bugbundle.words import clip

WIDTH = 100
STAGE = 22
"""Columns of the stage's name, with its indent."""


def ladder(walk: Walk) -> str:
    """The request, each decision under the part that made it, the end."""
    lines = [*_wrapped(f"{_request(walk)}", ""), ""]
    before = ""
    for step in walk.steps:
        part, stage = _part(step.at)
        if part != before and part not in _LOOSE:
            lines.append(clean(part))
        before = part
        lines += _rung(step, stage or part)
    return "\n".join([*lines, "", *_end(walk)]) + "\n"


_LOOSE = ("client", "name", "network", "kube-proxy", "redirection", "application")
"""Parts with one stage: their name stands beside the decision."""


def _request(walk: Walk) -> str:
    request = walk.request
    what = f"{request.method} {request.url}" if request.http else request.url
    extra = "".join(f" -H {name}:{value}" for name, value in request.headers)
    return clean(f"{what}{extra}")


def _part(at: str) -> tuple[str, str]:
    part, _, stage = at.partition(": ")
    return part, stage


def _rung(step: Step, stage: str) -> Iterator[str]:
    name = stage if len(stage) < STAGE - 3 else stage.partition(" ")[0]
    head = f"  {name}".ljust(STAGE)
    yield from _wrapped(clean(step.decision), head)
    if step.object is not None:
        yield from _wrapped(clean(f"by {step.object}"), " " * STAGE)
    if step.expects is not None:
        yield from _wrapped(clean(f"the client brings: {step.expects.client}"), " " * STAGE)
        yield from _wrapped(clean(f"the server takes:  {step.expects.server}"), " " * STAGE)


def _wrapped(text: str, head: str) -> list[str]:
    rest = " " * len(head)
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=rest, break_on_hyphens=False) or [head]


def _end(walk: Walk) -> Iterator[str]:
    """`DENIED  403  …`, and the object that made it so."""
    seen = " ".join(filter(None, [str(walk.code or ""), walk.flag]))
    head = f"{walk.ending}{f' ({seen})' if seen else ''}: "
    yield from _wrapped(clean(f"{head}{walk.reason}"), "")
    if walk.because is not None and str(walk.because) not in walk.reason:
        yield from _wrapped(clean(f"because of {walk.because}"), "")
    others = [name for name in walk.clusters if name != walk.cluster]
    if others:
        yield from _wrapped(clean(f"The route may also choose {', '.join(others)}: not followed here."), "")


def pointers(walk: Walk) -> str:
    """Where each decision stands in the recording, one a line: `entry#/pointer  what`."""
    rows = [(step.resource, step.decision) for step in walk.steps if step.resource and step.resource.pointer]
    return "".join(f"{clean(where.pointer)}  {clip(clean(said), 60)}\n" for where, said in rows)


def mermaid(walk: Walk) -> str:
    """A sequence diagram, to be pasted into a ticket between ```mermaid and ```."""
    names = list(dict.fromkeys(_actors(walk)))
    lines = ["sequenceDiagram", *(f"    participant p{n} as {_plain(name)}" for n, name in enumerate(names))]
    here, carried = 0, ""
    for step, actor in zip(walk.steps, _actors(walk), strict=True):
        part, stage = _part(step.at)
        number = names.index(actor)
        if number != here:
            lines.append(f"    p{here}->>p{number}: {_plain(carried or walk.request.url)}")
            here = number
        carried = step.expects.client if step.expects else carried
        said = f"{stage or part}: {step.decision}" + (f" (by {step.object})" if step.object else "")
        lines.append(f"    Note over p{number}: {_plain(clip(said, 160))}")
    lines.append(f"    Note over p0,p{here}: {_plain(f'{walk.ending}: {walk.reason}')}")
    return "\n".join(lines) + "\n"


def _actors(walk: Walk) -> Iterator[str]:
    """Who speaks at each step: what happens on the way is told of who sent it."""
    here = "client"
    for step in walk.steps:
        part = _part(step.at)[0]
        here = here if part in _LOOSE and part != "application" else part
        yield here


def _plain(text: str) -> str:
    """Text that Mermaid takes for text."""
    return re.sub(r"[;#\n<>]", " ", clean(text)).replace("|", "/").strip()
