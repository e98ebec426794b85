"""BB780: traffic passes by the waypoint or proxy that would apply an object."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB780", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def bypassed(mesh: Mesh) -> Iterator[Evidence]:
    """Traffic passes by the waypoint or proxy that would apply an object.

    ## Why it matters
    What is bound to a waypoint acts only where traffic goes through it. Socket load balancing, calls to pods' own
    addresses, and names that DNS capture does not answer lead straight past it: no policy, no routing, no telemetry.

    ## What to do
    Lead the traffic through: the Service's address, DNS capture, Cilium's `socketLB.hostNamespaceOnly`.
    """
    yield from told(mesh, Reason.BYPASSED)
