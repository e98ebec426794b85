"""BB772: an object's revision label names no control plane that runs."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB772", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def no_control_plane_serves(mesh: Mesh) -> Iterator[Evidence]:
    """An object's revision label names no control plane that runs.

    ## Why it matters
    An object with label `istio.io/rev` is taken by that revision alone; once the revision is gone, nothing takes it,
    and nothing says so.

    ## What to do
    Write the label of a revision that runs (`bugbundle tag list`), or take the label off.
    """
    yield from told(mesh, Reason.NO_CONTROL_PLANE)
