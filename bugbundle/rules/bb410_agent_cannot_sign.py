"""An agent that gets no certificate."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.rules.lib.logs import proxy_log
from bugbundle.rules.lib.owners import control_plane
from bugbundle.rules.lib.together import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, ref, rule


@rule(
    "BB410",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={"pods", Source.ENVOY_CONFIG_DUMP},
    explains={"BB306", "BB401", "BB402", "BB406"},
    message="{proxy}: the agent gets no certificate: {text}",
)
def agent_cannot_sign(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """The agent's log tells, near the capture, that its certificate could not be fetched, and of no success since.

    ## Why it matters
    Without a certificate the proxy does not become ready; a running one stops working when its certificate ends.

    ## What to do
    Look at istiod (CSR errors, token authentication), at the path to port 15012, and at the root that the agent trusts
    (`x509: certificate signed by unknown authority`).
    """
    yield from together(one for proxy in mesh.proxies for one in _cannot_sign(proxy))


def _cannot_sign(proxy: Proxy) -> Iterator[Evidence]:
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    lines = log.recent("sign", "warm", "expired", "unknown_ca") if log else []
    done = log.last("generated") if log else None
    if done:
        lines = [line for line in lines if line.number > done.number]
    if not lines:
        return
    yield Evidence(
        origin=ref(proxy),
        values={"proxy": proxy.id, "text": lines[-1].said},
        objects=control_plane(proxy),
        proofs=tuple(line.proof for line in lines[-2:]),
        affects=(proxy.id,),
        confidence=Confidence.LIKELY,
        at=lines[-1].at,
    )
