"""BB653: istiod is of a release that gets no fixes any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.config.revisions import minor
from bugbundle.mesh.ref import Proof, ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule

ENDED = {
    13: date(2022, 10, 12),
    14: date(2022, 12, 27),
    15: date(2023, 4, 4),
    16: date(2023, 7, 25),
    17: date(2023, 10, 27),
    18: date(2024, 1, 4),
    19: date(2024, 4, 24),
    20: date(2024, 6, 25),
    21: date(2024, 9, 27),
    22: date(2025, 1, 22),
    23: date(2025, 4, 16),
    24: date(2025, 6, 24),
    25: date(2025, 9, 30),
    26: date(2025, 12, 22),
}
"""Minor release → end of its support (istio.io, data/compatibility/supportStatus.yml)."""

RELEASED = {
    29: date(2026, 2, 16),
    31: date(2026, 8, 27),
}
"""Minor release → its day: support ends six weeks after the second release behind it."""

GRACE = timedelta(weeks=6)
SLACK = timedelta(days=90)
"""The days announced are expected ones, and may be put off."""

LONG = timedelta(days=365)


@rule(
    "BB653",
    per=Istiod,
    level=Level.INFO,
    reads={Source.ISTIOD_VERSION},
    diagnosis=False,
    message="{istiod} is Istio {version}, whose support ended {ended}",
)
def release_out_of_support(istiod: Istiod) -> Iterator[Evidence]:
    """istiod is of a release that gets no fixes any more, for three months or longer at the time of the capture.

    ## Why it matters
    Known vulnerabilities of Istio and Envoy stay open; what is wrong may have been repaired since.

    ## What to do
    Upgrade, one minor release after the other, or two with a revision.
    """
    text = istiod.text("version.txt").strip().partition("-")[0][:40]
    found, now = minor(text), istiod.mesh.now
    end = end_of_support(found[1]) if found and found[0] == 1 else None
    if now is None or end is None or now.date() <= end + SLACK:
        return
    yield Evidence(
        ref(istiod),
        {"istiod": istiod.id, "version": text, "ended": f"{end:%B %Y}"},
        proofs=(Proof(Pointer(istiod.entry("version.txt")), text),),
        level=Level.WARNING if now.date() - end > LONG else Level.INFO,
        confidence=Confidence.LIKELY,
    )


def end_of_support(release: int) -> date | None:
    """The last day of `1.release`; None where the release two minors later is not known yet."""
    if release < min(ENDED):
        return min(ENDED.values())
    if release in ENDED:
        return ENDED[release]
    later = RELEASED.get(release + 2)
    return later + GRACE if later else None
