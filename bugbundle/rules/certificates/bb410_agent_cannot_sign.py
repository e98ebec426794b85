"""An agent that gets no certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.ref import ref
from bugbundle.mesh.signals.logs import proxy_log
from bugbundle.mesh.workloads.owners import control_plane
from bugbundle.rules.lib.aggregate import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule


@rule(
    "BB410",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={"pods", Source.ENVOY_CONFIG_DUMP},
    explains={"BB306", "BB401", "BB402", "BB406"},
    message="the agent of {proxy} got no certificate: {meaning}{text}",
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
    lines = log.recent("sign", "warm", "authn", "authn_request", "expired", "unknown_ca") if log else []
    done = log.last("generated") if log else None
    if done:
        lines = [line for line in lines if line.number > done.number]
    if not lines:
        return
    yield Evidence(
        origin=ref(proxy),
        values={"proxy": proxy.id, "meaning": _meaning(lines[-1].whole), "text": lines[-1].said},
        objects=control_plane(proxy),
        proofs=tuple(line.proof for line in lines[-2:]),
        affects=(proxy.id,),
        confidence=Confidence.LIKELY,
        at=lines[-1].at,
    )


def _meaning(text: str) -> str:
    """What Go's crypto/x509 says, in plain words; empty where it says nothing known."""
    if "certificate signed by unknown authority" in text:
        return "it does not trust istiod's root — "
    if "certificate has expired or is not yet valid" not in text:
        return ""
    if re.search(r"current time \S+ is before", text):
        return "istiod's certificate is not valid yet by the clock of its node, which is late — "
    return "istiod's certificate has expired, or the clock of its node is ahead — "
