"""BB778: a value in an object can never match: of another form, or of the wrong side."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB778", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def value_never_matches(mesh: Mesh) -> Iterator[Evidence]:
    """A value in an object can never match: of another form, or of the wrong side.

    ## Why it matters
    The object is valid and is delivered, and that part of it never applies: a rule admits nobody or denies nothing, a
    port's mode stays that of the workload, a Gateway takes routes of nobody.

    ## What to do
    Write the value as it is compared: the workload's port, the principal with trust domain, the path without query.
    """
    yield from told(mesh, Reason.NEVER)
