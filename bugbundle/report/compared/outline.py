"""Which root changes are told at length, which in a line, which together."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from bugbundle.compare import Change, Comparison
from bugbundle.compare.links import restart


@dataclass
class Outline:
    """`told`: roots with consequences, and the first two in any case; `quiet`: others; `restarted`: mere restarts."""

    told: list[Change] = field(default_factory=list)
    quiet: list[Change] = field(default_factory=list)
    restarted: list[Change] = field(default_factory=list)


def outline(result: Comparison) -> Outline:
    """The root changes of a comparison, sorted into what a person reads."""
    made = Outline()
    for root in result.roots:
        if restart(root) and not root.consequences:
            made.restarted.append(root)
        elif root.consequences or len(made.told) < 2 or len(result.roots) <= 5:
            made.told.append(root)
        else:
            made.quiet.append(root)
    return made


FEW = 2
"""xDS resources of one type that are told one by one; more are told together."""


def consequences(result: Comparison, root: Change) -> list[Change]:
    """What followed from a root change, in order; many resources of one type as one line, named by the widest."""
    known = {one.id: one for one in result.changes}
    below = [known[ident] for ident in root.consequences if ident in known]
    groups: dict[tuple[str, str], list[Change]] = {}
    for one in below:
        if one.kind == "resource":
            groups.setdefault((one.object.kind, one.change), []).append(one)
    told: list[Change] = []
    for one in below:
        group = groups.get((one.object.kind, one.change), []) if one.kind == "resource" else []
        if len(group) <= FEW:
            told.append(one)
        elif one is group[0]:
            more = f"and {len(group) - 1} more {one.object.kind} resources {one.change}"
            told.append(dataclasses.replace(one, summary=f"{one.summary}; {more}"))
    return told
