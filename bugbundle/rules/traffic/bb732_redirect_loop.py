"""A redirect to HTTPS that never ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.client_tls import target_ports
from bugbundle.mesh.config.gateways import plain_hosts
from bugbundle.mesh.config.hosts import host_matches
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.access import Fault, redirects
from bugbundle.mesh.signals.failures import proof, times
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Confidence, Evidence, Level, Op, Patch, rule
from bugbundle.rules.traffic.bb731_tls_at_plain_gateway_port import encrypted, gateways_of

FEWEST = 5
MANY = 10
NONE_CAME = "no request for it ever arrives in HTTPS, so TLS ends in front of the gateway"


@rule(
    "BB732",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, res.SERVICE, res.POD, res.GATEWAY},
    optional={res.CONFIG_MAP},
    explains={"BB750"},
    message=(
        "Gateway {gateway} redirects {host} to HTTPS (httpsRedirect), and {why}: all {count} requests for it were"
        " answered {code} again"
    ),
)
def redirect_loop(mesh: Mesh) -> Iterator[Evidence]:
    """A gateway answers every request for a host with a redirect to HTTPS, because TLS ends in front of it.

    The load balancer ends TLS and passes plain HTTP to the port whose server has `httpsRedirect`: the client follows
    the redirect, and arrives there again.

    ## Why it matters
    Nobody gets a page: browsers say ERR_TOO_MANY_REDIRECTS.

    ## What to do
    Remove `tls.httpsRedirect` from that server and let the load balancer redirect; or pass TLS through to a server of
    the gateway that ends it (the Service's port 443 to the targetPort of an HTTPS server).
    """
    groups: dict[tuple[str, str], list[Fault]] = defaultdict(list)
    proxies: dict[str, Proxy] = {}
    for fault in redirects(mesh):
        if fault.proxy.kind == "gateway" and fault.authority:
            groups[fault.proxy.id, fault.authority.partition(":")[0]].append(fault)
            proxies[fault.proxy.id] = fault.proxy
    for (proxy_id, host), found in groups.items():
        others = [one for one in found if one.good and one.first and one.good > one.first]
        if times(found) >= FEWEST and not others:
            yield from _loop(mesh, proxies[proxy_id], host, found)


def _loop(mesh: Mesh, proxy: Proxy, host: str, found: list[Fault]) -> Iterator[Evidence]:
    pod = proxy.pod
    number = found[-1].local.rpartition(":")[2]
    if pod is None or not number.isdigit():
        return
    for item in gateways_of(mesh, pod):
        for place, server in enumerate(dicts(item.spec.get("servers"))):
            redirect = as_dict(server.get("tls")).get("httpsRedirect") is True
            if not redirect or not any(host_matches(one, host) for one in plain_hosts(server)):
                continue
            services = index(mesh).services_of(pod)
            through = [one for one in services if _tls_ended(one, int(number), pod)]
            why = _why(through, services) or (NONE_CAME if times(found) >= MANY else "")
            if why:
                yield Evidence(
                    ref(item),
                    {
                        "gateway": f"{item.namespace}/{item.name}",
                        "host": host,
                        "why": why,
                        "count": times(found),
                        "code": found[-1].code,
                    },
                    objects=(*(ref(one) for one in through or services), ref(proxy)),
                    proofs=(
                        Proof(item.at(f"/spec/servers/{place}/tls/httpsRedirect"), "httpsRedirect: true"),
                        *(Proof(one.at("/spec/ports"), f"{one}: port 443 to targetPort {number}") for one in through),
                        *(proof(one) for one in found[-2:]),
                    ),
                    affects=(proxy.id,),
                    level=Level.WARNING if why == NONE_CAME else Level.ERROR,
                    confidence=Confidence.CERTAIN if through else Confidence.LIKELY,
                    at=found[-1].at,
                    patch=Patch(ref(item), res.GATEWAY, (Op("remove", f"/spec/servers/{place}/tls/httpsRedirect"),)),
                )


def _tls_ended(service: KubeObject, number: int, pod: KubeObject) -> bool:
    """Whether a Service leads its port for TLS to the plain port: then something in front ends TLS."""
    ports = [port for port in dicts(service.spec.get("ports")) if encrypted(port)]
    return any(number in target_ports(service, int(port.get("port") or 0), pod) for port in ports)


MARKS = ("ssl-cert", "ssl-ports", "tls-secret", "backend-protocol", "certificate", "app-protocols", "protocol-for")
"""In annotations of load balancers' controllers that end TLS (AWS, GKE, DigitalOcean, OpenStack, Alibaba)."""


def _why(through: list[KubeObject], services: list[KubeObject]) -> str:
    if through:
        one = through[0]
        return f"Service {one.namespace}/{one.name} brings HTTPS to that plain port too: TLS ends in front of it"
    for one in services:
        marks = [name for name in one.annotations if any(mark in name for mark in MARKS)]
        if marks:
            return f"annotation {marks[0]} of Service {one.namespace}/{one.name} ends TLS at the load balancer"
    return ""
