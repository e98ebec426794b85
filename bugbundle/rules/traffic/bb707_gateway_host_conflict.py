"""BB707: two Gateways claim the same host and port on the same pods with different TLS or protocol."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.rules.traffic.gateway_conflicts import conflict, contrast, differs, rivals


@rule(
    "BB707",
    per=Mesh,
    level=Level.ERROR,
    reads={res.GATEWAY, res.POD},
    message="Gateways {older} and {younger} {how}: the older one, {older}, wins",
    explains={"BB406", "BB708", "IST0101", "IST0145"},
)
def gateway_host_conflict(mesh: Mesh) -> Iterator[Evidence]:
    """Two Gateways claim the same host and port on the same pods with different TLS or protocol.

    ## Why it matters
    istiod merges servers of one port by the age of their Gateways: the older one wins, the younger one's
    server for the host does nothing. Which certificate is served then depends on which object is older.

    ## What to do
    Decide which Gateway owns the host; take the server out of the other one, or give it another host.
    """
    for older, younger, hosts in rivals(mesh):
        if differs(older, younger):
            yield conflict(
                mesh,
                older,
                younger,
                f"both serve {', '.join(hosts[:3])} on port {older.port}, with {contrast(older, younger)}",
            )
