"""TLS that arrives at a port of a gateway which takes plain HTTP."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.client_tls import target_ports
from bugbundle.mesh.facts import ListenerFacts
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Confidence, Evidence, Level, Op, Patch, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of
from bugbundle.xds.kinds import Xds

ENCRYPTED = ("https", "tls")
FEWEST = 3


@rule(
    "BB731",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, res.SERVICE, res.POD},
    optional={res.GATEWAY, res.CONFIG_MAP, Source.ENVOY_CONFIG_DUMP},
    explains={"BB720", "BB750"},
    message=(
        "Service {service} sends its port {port} ({name}) to targetPort {target} of the gateway, where {gateway} serves"
        " plain HTTP: {count} requests in TLS arrived there and were refused (400, DPE)"
    ),
)
def tls_at_plain_gateway_port(mesh: Mesh) -> Iterator[Evidence]:
    """Clients speak TLS to a port of a gateway's Service which leads to a plain HTTP port of the gateway.

    Envoy finds no HTTP in what arrives: `"- - HTTP/1.1" 400 DPE http1.codec_error`. Scanners leave the same line; here
    the Service's port for HTTPS leads to a listener that does not end TLS.

    ## Why it matters
    No client gets through on that port: browsers say ERR_SSL_PROTOCOL_ERROR, curl «wrong version number».

    ## What to do
    Let the Service's port for HTTPS lead to the port of a server with `tls` (`targetPort: 8443` in Istio's own
    gateways), and give each targetPort one server: of two servers that meet on one, istiod drops the second («conflict
    with existing server» in its log). If the load balancer in front ends TLS, its back end must be the plain port.
    """
    for proxy in mesh.proxies:
        if proxy.kind == "gateway" and proxy.pod is not None:
            yield from _at(mesh, proxy, proxy.pod)


def _at(mesh: Mesh, proxy: Proxy, pod: KubeObject) -> Iterator[Evidence]:
    groups: dict[int, list[Fault]] = defaultdict(list)
    for fault in failures(mesh).flagged(("DPE",)):
        local = fault.local.rpartition(":")[2]
        codec = fault.details.startswith("http1.codec_error") and not fault.authority
        if fault.proxy is proxy and codec and local.isdigit() and symptom_of(mesh, fault).state is not State.PAST:
            groups[int(local)].append(fault)
    for number, found in groups.items():
        for service in index(mesh).services_of(pod):
            for place, port in enumerate(dicts(service.spec.get("ports"))):
                if encrypted(port) and number in target_ports(service, _number(port), pod) and times(found) >= FEWEST:
                    yield from _evidence(mesh, proxy, pod, service, place, number, found)


def _evidence(
    mesh: Mesh, proxy: Proxy, pod: KubeObject, service: KubeObject, place: int, number: int, found: list[Fault]
) -> Iterator[Evidence]:
    port = dicts(service.spec.get("ports"))[place]
    servers = [one for one in gateways_of(mesh, pod) if _plain(one, {number, *_behind(service, number, pod)})]
    if not servers and ends_tls(proxy, number):
        return
    yield Evidence(
        ref(service),
        {
            "service": f"{service.namespace}/{service.name}",
            "port": _number(port),
            "name": as_text(port.get("name")) or "no name",
            "target": number,
            "gateway": str(ref(servers[0])) if servers else "its listener",
            "count": times(found),
        },
        objects=(*(ref(one) for one in servers), ref(proxy)),
        proofs=(
            Proof(service.at(f"/spec/ports/{place}"), f"port {_number(port)}, targetPort {port.get('targetPort')}"),
            *(proof(one) for one in found[-2:]),
        ),
        affects=(proxy.id,),
        confidence=Confidence.CERTAIN if servers else Confidence.LIKELY,
        at=max((one.at for one in found if one.at), default=None),
        patch=_patch(proxy, service, place),
    )


def _patch(proxy: Proxy, service: KubeObject, place: int) -> Patch | None:
    """The Service's port led to the listener of the gateway that ends TLS, where it has just one."""
    ports = [number for number in tls_ports(proxy) if number]
    op = Op("replace", f"/spec/ports/{place}/targetPort", ports[0]) if len(ports) == 1 else None
    return Patch(ref(service), res.SERVICE, (op,)) if op else None


def encrypted(port: dict[str, Any]) -> bool:
    """Whether a Service's port is for TLS, by its number, name or appProtocol."""
    words = f"{as_text(port.get('name'))} {as_text(port.get('appProtocol'))}".lower()
    return _number(port) in (443, 8443) or words.lstrip().startswith(ENCRYPTED)


def ends_tls(proxy: Proxy, number: int) -> bool:
    """Whether a listener of the proxy on that port ends TLS."""
    return number in tls_ports(proxy)


def tls_ports(proxy: Proxy) -> list[int]:
    """The ports of the proxy's listeners that end TLS."""
    facts = [resource.facts() for resource in proxy.dump.resources(Xds.LDS)] if proxy.dump else []
    listeners = [one for one in facts if isinstance(one, ListenerFacts) and any(chain.tls for chain in one.chains)]
    return sorted({one.port for one in listeners if one.port})


def gateways_of(mesh: Mesh, pod: KubeObject) -> list[KubeObject]:
    """The Gateways that select a pod."""
    found = []
    for item in mesh.kube.list(res.GATEWAY):
        wanted = texts(item.spec.get("selector"))
        if wanted and wanted.items() <= pod.labels.items():
            found.append(item)
    return found


def _plain(item: KubeObject, ports: set[int]) -> bool:
    """Whether a Gateway has a plain HTTP server on one of these ports."""
    servers = [one for one in dicts(item.spec.get("servers")) if as_dict(one.get("port")).get("number") in ports]
    protocols = [as_text(as_dict(one.get("port")).get("protocol")).upper() for one in servers]
    return any(protocol in ("HTTP", "HTTP2") for protocol in protocols)


def _behind(service: KubeObject, number: int, pod: KubeObject) -> set[int]:
    """The Service's ports that lead to a port of the pod."""
    numbers = [_number(port) for port in dicts(service.spec.get("ports"))]
    return {one for one in numbers if number in target_ports(service, one, pod)}


def _number(port: dict[str, Any]) -> int:
    found = port.get("port")
    return found if isinstance(found, int) else 0
