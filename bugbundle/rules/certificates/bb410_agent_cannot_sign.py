"""An agent that gets no certificate."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kinds import SERVICE
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.parts import containers
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.logs import proxy_log
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import control_plane, workload
from bugbundle.rules.lib.aggregate import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule

_SERVICE = re.compile(r"(?:https?://)?([\w-]+)\.([\w-]+)(?:\.svc\S*)?:\d+$")


@rule(
    "BB410",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={"pods", "services", "replicasets.apps", Source.ENVOY_CONFIG_DUMP},
    explains={"BB203", "BB302", "BB306", "BB401", "BB402", "BB406", "BB503", "BB704", "BB805", "BB709"},
    message="the agent of {proxy} got no certificate{authority}: {meaning}{text}",
)
def agent_cannot_sign(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """The agent's log tells, near the capture, that its certificate could not be fetched, and of no success since.

    ## Why it matters
    Without a certificate the proxy does not become ready; a running one stops working when its certificate ends.

    ## What to do
    Look at the certificate authority that the agent asks (istiod's port 15012, or the Service in `CA_ADDR`): its log,
    token authentication, the path to it, and the root that the agent trusts (`x509: certificate signed by unknown
    authority`). «missing selected ALPN property»: the authority's TLS server does not offer `h2`, which gRPC since 1.67
    demands; upgrade it (cert-manager istio-csr from v0.13), or whatever ends TLS in front of it.
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
        values={
            "proxy": proxy.id,
            "authority": _from(proxy),
            "meaning": _meaning(lines[-1].whole),
            "text": lines[-1].said,
        },
        objects=_around(proxy),
        level=Level.ERROR if proxy.ready() is False else Level.WARNING,
        proofs=tuple(line.proof for line in lines[-2:]),
        affects=(proxy.id,),
        confidence=Confidence.LIKELY,
        at=lines[-1].at,
    )


def _around(proxy: Proxy) -> tuple[Ref, ...]:
    """The authority's Service and workload, and what the proxy is for."""
    mesh, pod = proxy.mesh, proxy.pod
    named = authority(proxy)
    service = mesh.kube.get(SERVICE, named.namespace, named.name) if named else None
    behind = [workload(mesh, one) for one in index(mesh).pods_of(service)] if service else []
    gateway = pod.labels.get("gateway.networking.k8s.io/gateway-name") if pod else None
    own = [Ref("Gateway", proxy.namespace, gateway)] if gateway else []
    made = [workload(mesh, pod)] if pod else []
    return tuple(dict.fromkeys((*([named] if named else control_plane(proxy)), *behind, *made, *own)))


def authority(proxy: Proxy) -> Ref | None:
    """The Service that the agent asks for its certificate, where it is not istiod (env `CA_ADDR`)."""
    for container in containers(proxy.pod) if proxy.pod else ():
        for one in dicts(container.get("env")):
            found = _SERVICE.match(as_text(one.get("value"))) if one.get("name") == "CA_ADDR" else None
            if found:
                return Ref("Service", found[2], found[1])
    return None


def _from(proxy: Proxy) -> str:
    named = authority(proxy)
    return f" from {named}" if named else ""


def _meaning(text: str) -> str:
    """What Go's crypto/x509 says, in plain words; empty where it says nothing known."""
    if "missing selected ALPN property" in text:
        return "its TLS server does not offer ALPN h2 — "
    if "certificate signed by unknown authority" in text:
        return "it does not trust istiod's root — "
    if "certificate has expired or is not yet valid" not in text:
        return ""
    if re.search(r"current time \S+ is before", text):
        return "istiod's certificate is not valid yet by the clock of its node, which is late — "
    return "istiod's certificate has expired, or the clock of its node is ahead — "
