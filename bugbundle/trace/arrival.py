"""From an address to what stands there: kube-proxy, NetworkPolicies, the other side's sidecar, gateway, ztunnel,
application.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.workloads.index import captured, proxied, pure_proxy
from bugbundle.trace import capture
from bugbundle.trace.blocked import blocked, named, restricts
from bugbundle.trace.config import Body, Envoy, envoy
from bugbundle.trace.connection import Connection
from bugbundle.trace.flight import Flight, after, demands, mode_of
from bugbundle.trace.model import Ending, Expects
from bugbundle.trace.passage import Passage
from bugbundle.trace.walker import Walker, made, object_resource, pod_resource
from bugbundle.trace.whatif import changes
from bugbundle.xds import Xds

VIRTUAL_INBOUND = ("virtualInbound", 15006)
HBONE_PORT = 15008


def arrive(walker: Walker, flight: Flight) -> None:
    """A connection reaches an address."""
    pod = walker.places.pod_at(flight.hop or flight.address)
    if pod is None:
        _service_or_outside(walker, flight)
        return
    if _stopped(walker, flight, pod):
        return
    if flight.socket.mode == "hbone":
        from bugbundle.trace.ambient import inbound

        inbound(walker, flight, pod)
    elif pure_proxy(pod):
        _gateway(walker, flight, pod)
    elif proxied(pod):
        _sidecar(walker, flight, pod)
    elif captured(pod):
        from bugbundle.trace.ambient import inbound

        inbound(walker, flight, pod)
    else:
        deliver(walker, flight, pod)


def _service_or_outside(walker: Walker, flight: Flight) -> None:
    """No pod has the address: a Service's is made one of its pods', another leaves the mesh."""
    service = walker.places.services.get(flight.address)
    if service is None:
        where = f"{flight.address}:{flight.port}" if flight.address else f"{flight.request.host}:{flight.port}"
        walker.say("network", f"{where} is outside of the mesh: {flight.offers()}")
        walker.end(Ending.OUTSIDE_MESH, f"{where} belongs to no Pod and no Service of this mesh")
        return
    backends = walker.places.backends(service, flight.port)
    if not backends:
        reason = f"Service {service.namespace}/{service.name} has no ready endpoint at port {flight.port}"
        walker.say("kube-proxy", reason, object_resource(service))
        walker.end(Ending.NO_HEALTHY_ENDPOINT, reason, made=made(service))
        return
    address, port = backends[0]
    more = f", one of {len(backends)}" if len(backends) > 1 else ""
    walker.say("kube-proxy", f"{flight.address}:{flight.port} is Service {service.namespace}/{service.name}: "
               f"goes to {address}:{port}{more}", object_resource(service))  # fmt: skip
    if walker.places.pod_at(address) is None:
        walker.end(Ending.OUTSIDE_MESH, f"{address} belongs to no Pod of this mesh")
        return
    arrive(walker, replace(flight, address=address, port=port))


def _stopped(walker: Walker, flight: Flight, pod: KubeObject) -> bool:
    """Whether a NetworkPolicy stops it: then here is the end."""
    port = HBONE_PORT if flight.socket.mode == "hbone" else flight.port
    walker.walk.personal |= restricts(walker.mesh)
    found = blocked(walker.mesh, flight.pod, flight.ip, pod, flight.hop or flight.address, port)
    if found is None:
        return False
    policy, why = found
    walker.say("network", f"NetworkPolicy {policy.namespace}/{policy.name}: {why}", named(policy), made(policy))
    walker.end(Ending.BLOCKED, why, made=made(policy))
    return True


def first_listener(known: Envoy, name: str, port: int) -> Body | None:
    """The listener that redirected connections reach: by its name, else by its port."""
    return known.get(Xds.LDS, name) or known.by_address.get(("0.0.0.0", port)) or known.by_address.get(("::", port))


def _sidecar(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    caught = capture.inbound(pod, flight.port)
    if not caught.redirected:
        walker.say("network", f"reaches {pod.name} past its sidecar: {caught.why}", pod_resource(pod))
        deliver(walker, flight, pod)
        return
    if walker.lacks(pod):
        return
    proxy = walker.mesh.proxy(f"{pod.name}.{pod.namespace}")
    assert proxy is not None
    known = envoy(proxy)
    listener = first_listener(known, *VIRTUAL_INBOUND)
    if listener is None:
        walker.end(Ending.INSUFFICIENT_INFO, f"the listener virtualInbound of {proxy.id} was not recorded")
        return
    tried = tried_mode(walker, listener.body, flight, pod)
    if tried is None:
        return
    flight, connection = tried
    passage = walker.pass_through(listener, connection, flight.request, pod)
    if passage is not None:
        _to_application(walker, passage, pod)
    elif walker.walk.ending is Ending.TLS_MISMATCH and walker.walk.because is None:
        walker.walk.because = _demanded(walker, flight, pod)


def tried_mode(
    walker: Walker, listener: dict[str, Any], flight: Flight, pod: KubeObject
) -> tuple[Flight, Connection] | None:
    """The connection as the sidecar gets it, or would under a PeerAuthentication that is tried. None: it ends here."""
    connection = flight.connection()
    recorded = mode_of(listener, connection)
    mode, policy = walker.demands.of(pod).at(flight.port)
    tried = changes(walker.mesh)
    if tried is None or "PeerAuthentication" not in tried.kinds or mode in ("", "UNSET", recorded) or not recorded:
        meet(walker, flight, pod, demands(listener, connection))
        return flight, connection
    if flight.automatic and flight.socket.mode in ("istio", "plain"):
        wanted = "plain" if mode == "DISABLE" else "istio"
        flight = replace(flight, socket=replace(flight.socket, mode=wanted))
    made = ref(policy) if policy else None
    meet(walker, flight, pod, f"{mode} by {made or 'default'} (recorded: {recorded})")
    secure = flight.socket.mode == "istio"
    if (mode == "STRICT" and not secure) or (mode == "DISABLE" and secure):
        said = f"{made} makes port {flight.port} {mode}, and {flight.offers()} comes"
        walker.end(Ending.TLS_MISMATCH, said, made=made)
        return None
    connection = flight.connection()
    if (recorded == "STRICT" and not secure) or (recorded == "DISABLE" and secure):
        alpn = ("istio-http/1.1", "istio", "http/1.1") if flight.http else ("istio-peer-exchange", "istio")
        connection = replace(connection, tls=not secure, alpn=() if secure else alpn, lenient=True)
    return flight, connection


def _demanded(walker: Walker, flight: Flight, pod: KubeObject) -> Ref | None:
    """The object behind what a sidecar takes: its PeerAuthentication; of a client that brings the wrong thing, its
    own.
    """
    mode, policy = walker.demands.of(pod).at(flight.port)
    brings = flight.socket.mode
    if policy is not None and (mode == "STRICT") == (brings != "istio"):
        return ref(policy)
    return flight.made or (ref(policy) if policy is not None else None)


def meet(walker: Walker, flight: Flight, pod: KubeObject, server: str) -> None:
    """The line where both sides meet, with what they expect."""
    expects = Expects(flight.offers(), server)
    goal = (
        f"{flight.hop}:{HBONE_PORT} for {flight.address}:{flight.port}"
        if flight.hop
        else f"{flight.address}:{flight.port}"
    )
    walker.say("network", f"to {goal}, Pod {pod.namespace}/{pod.name}", pod_resource(pod), None, expects)


def _to_application(walker: Walker, passage: Passage, pod: KubeObject) -> None:
    """What an inbound cluster sends to: the application, else another address (Sidecar's defaultEndpoint)."""
    target = passage.target
    assert target is not None
    if target.kind == "ORIGINAL_DST" or not target.hosts:
        port = passage.connection.destination_port
    else:
        port = target.hosts[0].endpoint.port
    spoken = "TLS of its own" if passage.connection.hidden else passage.connection.protocol
    walker.say("application", f"{pod.name}.{pod.namespace} gets it at port {port} ({spoken})", pod_resource(pod))
    walker.end(Ending.DELIVERED, f"port {port} of {pod.namespace}/{pod.name}")


def _gateway(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    """A pod that is a proxy and nothing else: its own ports."""
    if walker.lacks(pod):
        return
    proxy = walker.mesh.proxy(f"{pod.name}.{pod.namespace}")
    assert proxy is not None
    known = envoy(proxy)
    listener = known.by_address.get((flight.address, flight.port)) or known.by_address.get(("0.0.0.0", flight.port))
    if listener is None:
        ports = sorted(port for _, port in known.by_address)
        said = f"{proxy.kind} {proxy.id} listens on {', '.join(map(str, ports)) or 'no port'}, not on {flight.port}"
        walker.say("network", said, pod_resource(pod))
        walker.end(Ending.NO_ROUTE, said, flag="UF" if walker.first else "")
        return
    connection = flight.connection()
    meet(walker, flight, pod, demands(listener.body, connection))
    passage = walker.pass_through(listener, connection, flight.request, pod)
    if passage is not None:
        onward(walker, passage)


def onward(walker: Walker, passage: Passage) -> None:
    """From a proxy that passed a request on, to where its cluster sends it."""
    target = passage.target
    assert target is not None
    connection = passage.connection
    if target.kind == "ORIGINAL_DST":
        from bugbundle.trace.clusters import socket_for

        socket = socket_for(target.body, {})
        arrive(walker, after(passage, socket, connection.destination_ip, connection.destination_port))
        return
    host = next((one for one in target.hosts if walker.places.pod_at(one.endpoint.address)), target.hosts[0])
    arrive(walker, after(passage, host.socket, host.endpoint.address, host.endpoint.port, host.hop))


def deliver(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    """A pod without a proxy in the way: what is spoken must be the application's own."""
    meet(walker, flight, pod, "whatever its application speaks: no proxy of the mesh stands in front of it")
    if flight.socket.mode == "istio":
        reason = f"mTLS of the mesh to {pod.namespace}/{pod.name}, which has no proxy to end it"
        walker.say(
            "application",
            f"{pod.name}.{pod.namespace} does not speak the mesh's mTLS: the handshake fails",
            pod_resource(pod),
        )
        code = 503 if walker.first is not None and walker.first.http else None
        walker.end(Ending.TLS_MISMATCH, reason, made=flight.made, flag="UF", code=code)
        return
    walker.say("application", f"{pod.name}.{pod.namespace} gets it at port {flight.port}", pod_resource(pod))
    walker.end(Ending.DELIVERED, f"port {flight.port} of {pod.namespace}/{pod.name}")
