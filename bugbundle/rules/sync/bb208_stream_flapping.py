"""A proxy that loses its stream again and again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.istio import Source
from bugbundle.mesh import Proxy
from bugbundle.mesh.ref import ref
from bugbundle.mesh.signals.logs import proxy_log
from bugbundle.mesh.workloads.owners import control_plane
from bugbundle.rules.model import Confidence, Evidence, Level, rule

MANY = 6
"""Losses within an hour; a reconnect about every half hour is normal (istiod ends old streams to spread load)."""


@rule(
    "BB208",
    per=Proxy,
    level=Level.WARNING,
    reads={Source.LOG},
    diagnosis=False,
    message="{proxy} lost its stream to istiod {count} times within the last hour, last: {text}",
)
def stream_flapping(proxy: Proxy) -> Iterator[Evidence]:
    """The agent's log tells of more than six broken streams in an hour.

    ## Why it matters
    Each new stream makes istiod send everything again; between two streams the proxy gets no changes.

    ## What to do
    Look at restarts of istiod, at idle timeouts of load balancers on the way, and at istiod's rate limit for new
    streams (gRPC code 8).
    """
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    if log is None or log.now is None:
        return
    lines = log.recent("upstream_ended", "stream_closed", within=timedelta(hours=1))
    if len(lines) <= MANY:
        return
    yield Evidence(
        origin=ref(proxy),
        values={"proxy": proxy.id, "count": len(lines), "text": lines[-1].said},
        objects=control_plane(proxy),
        proofs=(lines[0].proof, lines[-1].proof),
        affects=(proxy.id,),
        confidence=Confidence.LIKELY,
        at=lines[-1].at,
    )
