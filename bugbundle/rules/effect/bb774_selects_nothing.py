"""BB774: a selector or a reference of an object fits nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB774", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def selects_nothing(mesh: Mesh) -> Iterator[Evidence]:
    """A selector or a reference of an object fits nothing.

    ## Why it matters
    The object, or that part of it, acts on nothing: a policy that protects nobody, an entry without endpoints.

    ## What to do
    Compare labels and names with those of the pods and objects that are meant.
    """
    yield from told(mesh, Reason.NO_TARGET)
