"""BB776: another object of the same kind wins, and this one, or a part of it, does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB776", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def overruled_object(mesh: Mesh) -> Iterator[Evidence]:
    """Another object of the same kind wins, and this one, or a part of it, does nothing.

    ## Why it matters
    Istio takes one of two that say different things for the same host, port or workload, mostly the oldest, and says
    so at most in istiod's log at level info.

    ## What to do
    Say it once: write both into one object, or give each its own host, port or workloads.
    """
    yield from told(mesh, Reason.OVERRULED)
