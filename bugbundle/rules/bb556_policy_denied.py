"""Connections that ztunnel turned away by policy."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.rules.lib.logs import Line
from bugbundle.rules.lib.resources import AUTHORIZATION_POLICY
from bugbundle.rules.lib.ztunnels import destination, lines, source
from bugbundle.rules.model import Confidence, Evidence, Level, Ref, ref, rule


@rule(
    "BB556",
    per=Mesh,
    level=Level.INFO,
    reads={Source.LOG},
    optional={"pods", "authorizationpolicies.security.istio.io"},
    diagnosis=False,
    message="ztunnel refused {count}× a connection to {target} from {clients} by policy within the last 10 minutes",
)
def policy_denied(mesh: Mesh) -> Iterator[Evidence]:
    """ztunnel's log has «connection closed due to policy rejection» near the capture.

    ## Why it matters
    It may be what the policies are for; if the client should get through, it is the reason why it does not.

    ## What to do
    Compare the client's identity (`src.identity`) with the AuthorizationPolicies of the destination. Behind a waypoint
    the client that ztunnel sees is the waypoint.
    """
    groups: dict[tuple[Ref, ...], list[tuple[Ref, Line]]] = {}
    for ztunnel in mesh.ztunnels:
        for line in lines(ztunnel, "policy"):
            groups.setdefault(destination(line) or (ref(ztunnel),), []).append((ref(ztunnel), line))
    for target, members in groups.items():
        clients = list(dict.fromkeys(one for _, line in members for one in source(line)))
        spaces = {one.namespace for one in target}
        policies = [ref(item) for item in mesh.kube.list(AUTHORIZATION_POLICY) if item.namespace in spaces]
        yield Evidence(
            origin=target[0],
            values={
                "count": len(members),
                "target": str(target[0]),
                "clients": ", ".join(map(str, clients[:3])) or "unknown clients",
            },
            objects=(*target, *policies[:20]),
            proofs=(members[-1][1].proof,),
            affects=tuple(f"{one.name}.{one.namespace}" for one in clients),
            confidence=Confidence.LIKELY,
            at=members[-1][1].at,
        )
