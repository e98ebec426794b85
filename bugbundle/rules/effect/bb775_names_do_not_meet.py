"""BB775: the hosts, ports or subsets of two objects that belong together do not meet."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB775", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def names_do_not_meet(mesh: Mesh) -> Iterator[Evidence]:
    """The hosts, ports or subsets of two objects that belong together do not meet.

    ## Why it matters
    Each of the two is valid alone; together they let nothing through, or the part that is meant never applies.

    ## What to do
    Write the same host, port or subset on both sides.
    """
    yield from told(mesh, Reason.NO_MEETING)
