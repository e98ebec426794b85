"""BB556: connections that ztunnel turned away by policy."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh.config.mtls import Demands
from bugbundle.mesh.config.ztunnels import destination, lines, source
from bugbundle.mesh.kinds import AUTHORIZATION_POLICY, PEER_AUTHENTICATION
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.logs import Line
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Confidence, Evidence, Level, rule

FEWEST = 3
_DENIED = re.compile(r"explicitly denied by: ([^/\s\"]+)/([^\s\",]+)")
STRICT = ("istio_converted_static_strict", "converted_peer_authentication_")
"""What istiod calls the policies that it makes of PeerAuthentications (`ambient/authorization.go`)."""


@rule(
    "BB556",
    per=Mesh,
    level=Level.INFO,
    reads={Source.LOG},
    optional={"pods", "services", "configmaps", AUTHORIZATION_POLICY, PEER_AUTHENTICATION},
    message="ztunnel refused {count}× a connection to {target} from {clients} within the last 10 minutes: {why}{all}",
)
def policy_denied(mesh: Mesh) -> Iterator[Evidence]:
    """ztunnel's log has «connection closed due to policy rejection» near the capture.

    ## Why it matters
    It may be what the policies are for; if the client should get through, it is the reason why it does not.

    ## What to do
    Compare the client's identity (`src.identity`) with the AuthorizationPolicies of the destination. Behind a waypoint
    the client that ztunnel sees is the waypoint. Where mTLS is demanded, bring the client into the mesh, or make the
    PeerAuthentication PERMISSIVE for the port.
    """
    groups: dict[tuple[Ref, ...], list[tuple[Ref, Line]]] = {}
    answered: set[Ref] = set()
    for ztunnel in mesh.ztunnels:
        for line in lines(ztunnel, "policy"):
            groups.setdefault(destination(line) or (ref(ztunnel),), []).append((ref(ztunnel), line))
        answered.update(
            one for line in lines(ztunnel, "complete") if "error=" not in line.whole for one in destination(line)
        )
    for target, members in groups.items():
        clients = list(dict.fromkeys(one for _, line in members for one in source(line)))
        policy, why = reason(mesh, target[0], members[-1][1])
        spaces = {one.namespace for one in target}
        every = len(members) >= FEWEST and not answered & set(target)
        nearby = [ref(item) for item in mesh.kube.list(AUTHORIZATION_POLICY) if item.namespace in spaces]
        pod = mesh.pods.get((target[0].namespace, target[0].name))
        services = [ref(service) for service in index(mesh).services_of(pod)] if pod else []
        yield Evidence(
            origin=policy or target[0],
            values={
                "count": len(members),
                "target": str(target[0]),
                "clients": ", ".join(map(str, clients[:3])) or "unknown clients",
                "why": why,
                "all": "; no other connection got there" if every else "",
            },
            objects=(*target, *(nearby[:20] if policy is None else ()), *services),
            proofs=(members[-1][1].proof,),
            affects=tuple(f"{one.name}.{one.namespace}" for one in clients),
            level=Level.WARNING if every else Level.INFO,
            confidence=Confidence.LIKELY,
            at=members[-1][1].at,
        )


def reason(mesh: Mesh, target: Ref, line: Line) -> tuple[Ref | None, str]:
    """The policy at fault, where one can be named, and why in words."""
    match = _DENIED.search(line.whole)
    if match is None:
        return None, "no ALLOW policy fits the client"
    if match[2].startswith(STRICT):
        pod = mesh.pods.get((target.namespace, target.name))
        found = Demands(mesh).of(pod).policy if pod else None
        return ref(found) if found else None, f"mTLS is demanded (PeerAuthentication STRICT) of {target.name}"
    policy = Ref("AuthorizationPolicy", match[1], match[2])
    return policy, f"{policy} denies it"
