"""Which root changes are told at length, which in a line, which together."""

from __future__ import annotations

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
