"""BB781: a setting that proxies read at their start is newer than they are."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB781", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def read_at_start_only(mesh: Mesh) -> Iterator[Evidence]:
    """A setting that proxies read at their start is newer than they are.

    ## Why it matters
    A ProxyConfig reaches a pod when it is created; running pods go on with what they read.

    ## What to do
    Restart the workloads.
    """
    yield from told(mesh, Reason.NOT_READ)
