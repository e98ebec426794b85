"""Questions that got no answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.bundle import Gap
from bugbundle.bundle.layout import NOT_HELD
from bugbundle.istio import Source, source_of
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip

_VARYING = re.compile(r'^[\w.-]+(?= is forbidden)|\\?"[^"\\]*\\?"|[0-9a-f]{8,}|\d+')
SHOWN = 100
"""Characters of a reason."""


@rule(
    "BB902",
    per=Mesh,
    level=Level.INFO,
    reads=set(),
    diagnosis=False,
    message="{count} {what} could not be recorded: {reason}",
)
def gaps(mesh: Mesh) -> Iterator[Evidence]:
    """Requests of the capture that failed, counted by kind of entry and reason.

    ## Why it matters
    Rules that need these entries were not evaluated; see there.

    ## What to do
    403: grant the rights that `bugbundle collect --dry-run` lists. Time-outs and refused connections: the pod does not
    answer, which is a finding of its own. A log of a container that has not started is no loss.
    """
    groups: dict[tuple[Source, int, str], list[Gap]] = {}
    places = {path: number for number, path in enumerate(mesh.bundle.gaps)}
    for gap in mesh.bundle.gaps.values():
        if NOT_HELD in gap.reason:
            continue
        reason = _VARYING.sub("N", _whole(gap)).partition(" at the cluster scope")[0].partition(" in the namespace")[0]
        groups.setdefault((source_of(gap.path), gap.status, reason), []).append(gap)
    for (source, status, _), members in groups.items():
        first = members[0]
        yield Evidence(
            origin=Ref("Bundle", "", first.path) if len(members) == 1 else Ref("Bundle", "", source.name.lower()),
            values={
                "count": len(members),
                "what": f"{source.name.lower().replace('_', ' ')} {'entry' if len(members) == 1 else 'entries'}",
                "reason": f"{f'HTTP {status}, ' if status else ''}{_short(first) or 'no answer'}",
            },
            proofs=tuple(Proof(Pointer("manifest.json", f"/gaps/{places[gap.path]}"), gap.text) for gap in members[:3]),
        )


def _short(gap: Gap) -> str:
    return clip(_whole(gap), SHOWN)


def _whole(gap: Gap) -> str:
    match = re.search(r'"message"\s*:\s*"((?:[^"\\]|\\.)*)', gap.reason)
    text = match[1].replace('\\"', '"').replace("\\n", " ") if match else gap.reason
    return text.strip()
