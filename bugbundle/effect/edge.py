"""Gateway (Istio's): which pods it opens ports on, and which of its servers another one shuts out.

Source: pilot/pkg/model/gateway.go `mergeGateways` and `resolvePorts`: a server's port is looked up among the ports
of the Services of the pods, and becomes their targetPort; on one port only servers of one family (plain HTTP; TLS) go
together, and the first one wins: «skipping server on gateway … conflict with existing server».
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.scope import age, gateway_pods
from bugbundle.effect.tables import tables
from bugbundle.effect.traces import traces
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.gateways import Server, plain_hosts, servers
from bugbundle.mesh.facts import ListenerFacts
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import index, pod_id, pure_proxy
from bugbundle.xds import Xds

FAMILIES = {
    **dict.fromkeys(("HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY"), "plain HTTP"),
    **dict.fromkeys(("HTTPS", "TLS"), "TLS"),
    **dict.fromkeys(("TCP", "MONGO", "MYSQL", "REDIS"), "TCP"),
}
"""Protocol of a server → what can share its port."""


class Landing(NamedTuple):
    """A server on the port of the pods that it becomes; `service` is the Service that leads there."""

    server: Server
    port: int
    service: KubeObject | None


def gateway(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one Gateway of Istio's."""
    pods = gateway_pods(mesh, item)
    routers = [pod for pod in pods if pure_proxy(pod)]
    effect = Effect(item, should=tuple(map(pod_id, routers)))
    if not routers:
        text = "selects no pod" if not pods else f"selects sidecars only ({pod_id(pods[0])}), which take no Gateway"
        effect.why = (
            Why(Reason.NO_TARGET, text, "Write the labels of the gateway's pods in spec.selector.", told="IST0101"),
        )
        return effect
    landings = list(_landings(mesh, item, routers[0]))
    effect.acts = tuple(_acts(mesh, landings, effect.should))
    unread = [one for one in effect.should if one not in traces(mesh).readable]
    effect.blind = (f"{len(unread)} of {len(effect.should)} gateways without a config dump",) if unread else ()
    effect.why = (*_shut_out(mesh, item, landings, routers), *_unrouted(mesh, item))
    return effect


def _landings(mesh: Mesh, item: KubeObject, pod: KubeObject) -> Iterator[Landing]:
    for server in servers([item]):
        yield landing(mesh, server, pod)


def landing(mesh: Mesh, server: Server, pod: KubeObject) -> Landing:
    """The port of the pod that a server becomes."""
    for service in index(mesh).services_of(pod):
        for port in dicts(service.spec.get("ports")):
            if port.get("port") == server.port:
                target = port.get("targetPort") or server.port
                number = target if isinstance(target, int) else _named(pod, as_text(target))
                if number:
                    return Landing(server, number, service)
    return Landing(server, server.port, None)


def _named(pod: KubeObject, name: str) -> int:
    for container in dicts(pod.spec.get("containers")):
        for port in dicts(container.get("ports")):
            if port.get("name") == name and isinstance(port.get("containerPort"), int):
                return int(port["containerPort"])
    return 0


def _acts(mesh: Mesh, landings: list[Landing], ids: tuple[str, ...]) -> Iterator[Trace]:
    """The proxies that listen on a port of the Gateway."""
    ports = {one.port for one in landings}
    for name in ids:
        proxy = mesh.proxy(name)
        for resource in proxy.dump.resources(Xds.LDS) if proxy and proxy.dump and not proxy.dump.problem else ():
            facts = resource.facts()
            if isinstance(facts, ListenerFacts) and facts.port in ports and facts.direction != "INBOUND":
                yield Trace(name, f"listener {facts.name}")
                break


def _shut_out(mesh: Mesh, item: KubeObject, mine: list[Landing], pods: list[KubeObject]) -> Iterator[Why]:
    """Servers whose port of the pods has a server of another family already."""
    earlier: list[Landing] = []
    for other in sorted(mesh.kube.list(res.GATEWAY), key=age):
        if other is item:
            break
        if pods[0] in gateway_pods(mesh, other):
            earlier += [landing(mesh, server, pods[0]) for server in servers([other])]
    for one in mine:
        family = FAMILIES.get(one.server.protocol, "")
        first = next((e for e in earlier if e.port == one.port), None)
        earlier.append(one)
        if first is None or not family or FAMILIES.get(first.server.protocol, family) == family:
            continue
        yield _conflict(item, one, first, family, pods)


def _conflict(item: KubeObject, one: Landing, first: Landing, family: str, pods: list[KubeObject]) -> Why:
    service = one.service
    led = f" (Service {service.namespace}/{service.name} sends {one.server.port} to {one.port})" if service else ""
    owner = "" if first.server.gateway is item else f" of {first.server.gateway}"
    text = (
        f"has server {one.server.port}/{one.server.protocol} for "
        f"{', '.join(plain_hosts(one.server.raw))}, which lands on "
        f"port {one.port} of its pods{led}; there server "
        f"{first.server.port}/{first.server.protocol}{owner} came first, and "
        f"the port speaks {FAMILIES.get(first.server.protocol, 'another protocol')}, not {family}"
    )
    same = service is not None and one.port != one.server.port
    free = 8443 if family == "TLS" else 8080
    todo = (
        f"Give port {one.server.port} of Service {service.namespace}/{service.name} a targetPort of "
        f"its own, such as {free}."
        if same and service
        else f"Move one of the two servers to another port than {one.port}."
    )
    proofs = [Proof(item.at(one.server.place), one.server.text())]
    if service:
        proofs.append(Proof(service.at("/spec/ports"), f"{one.server.port} → {one.port}"))
    objects = (ref(first.server.gateway), *((ref(service),) if service else ()), *map(ref, pods[:5]))
    return Why(
        Reason.OVERRULED,
        text,
        todo,
        one.server.place,
        objects,
        tuple(proofs),
        pods=tuple(map(pod_id, pods)),
        ports=(one.port, one.server.port),
    )


def _unrouted(mesh: Mesh, item: KubeObject) -> Iterator[Why]:
    """HTTP servers for which no VirtualService of any namespace is bound."""
    bound = tables(mesh).at_gateways.get((item.namespace, item.name), [])
    if bound or any(server.mode == "PASSTHROUGH" for server in servers([item])):
        return
    if any(as_text(server.raw.get("defaultEndpoint")) for server in servers([item])):
        return
    text = "has no VirtualService: its ports answer 404"
    todo = f"Name {item.namespace}/{item.name} in the gateways of a VirtualService."
    yield Why(Reason.NO_MEETING, text, todo, "", (), (Proof(item.at("/spec/servers"), str(item)),), advice=True)
