"""BB779: a control plane or proxy is too old or too new for an object."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB779", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def version_does_not_fit(mesh: Mesh) -> Iterator[Evidence]:
    """A control plane or proxy is too old or too new for an object.

    ## Why it matters
    The object is left out in silence; its status may still be that of an older control plane.

    ## What to do
    Bring the two versions together: CRDs and istiod, or the version that the EnvoyFilter's match names.
    """
    yield from told(mesh, Reason.VERSION)
