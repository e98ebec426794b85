"""Other causes that ztunnel names in its log."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Ztunnel
from bugbundle.mesh.config.ztunnels import destination, lines
from bugbundle.mesh.ref import ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import clip

KINDS = {
    "unknown_waypoint": "does not know the waypoint of a destination",
    "no_waypoint": "does not know the waypoint of a destination",
    "no_upstream": "found no healthy endpoint",
    "no_port": "found no target port for a workload",
    "unknown_workload": "does not know a workload of its node",
    "awaited": "waited in vain for a workload from istiod",
    "san": "met a peer with another identity than expected",
    "trust_domain": "met a peer of another trust domain",
    "fetch": "could not fetch a certificate",
    "announce": "could not talk to istio-cni",
    "start": "could not start a proxy in a pod",
    "bind": "could not take its ports in a pod",
    "crl": "refused a revoked certificate",
    "ping": "lost connections that went silent (ping)",
    "handshake": "could not open HTTP/2 to a peer",
    "mismatch": "met a peer with another address than expected",
    "protocol": "and istio-cni are of versions that do not fit each other",
    "drain": "cut connections that outlived a pod's shutdown",
}
FEWEST = 3
"""Lines; a single one while things change is normal."""


@rule(
    "BB557",
    per=Ztunnel,
    level=Level.WARNING,
    reads={Source.LOG},
    message="{ztunnel} {what}, {count}× within the last 10 minutes: {text}",
)
def ztunnel_errors(ztunnel: Ztunnel) -> Iterator[Evidence]:
    """ztunnel's log names a cause for failed connections at least three times near the capture.

    ## Why it matters
    Each line is a connection, or a pod, that failed.

    ## What to do
    The line names the destination: look at its Service, endpoints, waypoint or certificate.
    """
    for kind, what in KINDS.items():
        found = lines(ztunnel, kind)
        if len(found) < FEWEST:
            continue
        targets = dict.fromkeys(one for line in found for one in destination(line))
        yield Evidence(
            origin=ref(ztunnel),
            values={"ztunnel": ztunnel.id, "what": what, "count": len(found), "text": _error(found[-1].whole)},
            objects=tuple(targets),
            proofs=(found[-1].proof,),
            affects=(ztunnel.id,),
            confidence=Confidence.LIKELY,
            at=found[-1].at,
        )


def _error(text: str) -> str:
    """The line's `error="…"`, else its end."""
    _, found, rest = text.partition('error="')
    return clip(rest.partition('"')[0], 200) if found else text[-200:]
