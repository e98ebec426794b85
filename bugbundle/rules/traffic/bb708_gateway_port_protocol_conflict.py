"""BB708: two Gateways give one port of the same pods different protocols."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.rules.traffic.gateway_conflicts import conflict, family, neighbours


@rule(
    "BB708",
    per=Mesh,
    level=Level.ERROR,
    reads={res.GATEWAY, res.POD},
    message="Gateways {older} and {younger} {how}: the older one, {older}, wins",
)
def gateway_port_protocol_conflict(mesh: Mesh) -> Iterator[Evidence]:
    """Two Gateways give one port of the same pods different protocols.

    ## Why it matters
    A port is one listener: istiod takes the protocol of the older Gateway and drops the servers of the other.

    ## What to do
    Use different ports, or one protocol.
    """
    seen: set[tuple[Ref, Ref, int]] = set()
    for older, younger in neighbours(mesh):
        key = (ref(older.gateway), ref(younger.gateway), older.port)
        if family(older.protocol) != family(younger.protocol) and key not in seen:
            seen.add(key)
            how = f"use port {older.port} as {older.protocol} and as {younger.protocol}"
            yield conflict(mesh, older, younger, how)
