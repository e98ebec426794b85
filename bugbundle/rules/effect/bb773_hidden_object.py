"""BB773: an object is not visible where it is needed: exportTo, a Sidecar, or where clients look."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.mesh import Mesh
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule("BB773", per=Mesh, level=Level.WARNING, reads=set(), optional=OPTIONAL, explains=EXPLAINS, message=MESSAGE)
def hidden_object(mesh: Mesh) -> Iterator[Evidence]:
    """An object is not visible where it is needed: exportTo, a Sidecar, or where clients look.

    ## Why it matters
    Proxies work as if the object did not exist. Clients look for a DestinationRule in their own namespace, then in the
    service's, then in the root namespace, whatever it exports; a VirtualService must be exported to its gateway's
    namespace; a route needs leave of its Gateway's listeners, and of a ReferenceGrant for backends elsewhere.

    ## What to do
    Move the object to where it is looked for, or show it there: `exportTo`, the Sidecar's `egress`, `allowedRoutes`.
    """
    yield from told(mesh, Reason.HIDDEN)
