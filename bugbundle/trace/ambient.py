"""Ambient: what ztunnels and waypoints do with a connection.

Sources: istio/ztunnel src/proxy/outbound.rs (`build_request`), src/proxy/inbound.rs, inbound_passthrough.rs,
src/state.rs (`fetch_upstream`, `assert_rbac`); waypoints: pilot/pkg/networking/core/waypoint.go (`main_internal`,
`connect_terminate`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bugbundle.mesh import KubeObject, Ztunnel
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.ref import ref
from bugbundle.mesh.workloads.index import captured, node_of, proxied, pure_proxy
from bugbundle.trace.arrival import arrive, deliver, meet, onward
from bugbundle.trace.balance import Socket
from bugbundle.trace.config import envoy
from bugbundle.trace.connection import Connection
from bugbundle.trace.flight import Flight
from bugbundle.trace.model import Ending, Resource
from bugbundle.trace.walker import Walker, pod_resource
from bugbundle.trace.whatif import changes
from bugbundle.trace.ztunnel_policy import Peer, judge, made_by
from bugbundle.xds import Xds

HBONE = Socket("hbone")
INTERNAL = "main_internal"
PEER = "io.istio.peer_principal"


class View:
    """What one ztunnel knows: services by their addresses, workloads by theirs."""

    def __init__(self, ztunnel: Ztunnel) -> None:
        self.ztunnel = ztunnel
        self.config = ztunnel.config
        self.services = dicts(self.config.get("services"))
        self.workloads = dicts(self.config.get("workloads"))

    def service(self, address: str) -> tuple[int, dict[str, Any]] | None:
        """(place, service) of a virtual address."""
        for number, one in enumerate(self.services):
            if any(as_text(vip).rpartition("/")[2] == address for vip in as_list(one.get("vips"))):
                return number, one
        return None

    def workload(self, address: str) -> tuple[int, dict[str, Any]] | None:
        """(place, workload) of an address."""
        for number, one in enumerate(self.workloads):
            if address in as_list(one.get("workloadIps")):
                return number, one
        return None

    def by_uid(self, uid: str) -> dict[str, Any] | None:
        """A workload by its uid."""
        return next((one for one in self.workloads if one.get("uid") == uid), None)

    def waypoint(self, one: dict[str, Any]) -> str:
        """The address of the waypoint of a service or workload; empty where it has none."""
        known = as_dict(one.get("waypoint"))
        goal = known.get("destination")
        return as_text(goal) or as_text(as_dict(goal).get("Address")) or as_text(as_dict(goal).get("Hostname"))

    def pointer(self, kind: str, place: int, name: str) -> Resource:
        """As a step names it."""
        return Resource("ztunnel", name, f"{self.ztunnel.entry('config_dump.json')}#/{kind}/{place}")


def view_of(walker: Walker, pod: KubeObject) -> View | None:
    """The ztunnel of a pod's node; None (and the end of the walk) where it was not recorded."""
    node = node_of(pod)
    found = next((one for one in walker.mesh.ztunnels if one.node_name == node), None)
    if found is None or not found.config:
        why = found.gap("config_dump.json").reason if found else "no ztunnel was recorded there"
        walker.say(f"ztunnel on {node}", f"its configuration is not in the recording ({why})")
        walker.end(Ending.INSUFFICIENT_INFO, f"the configuration of the ztunnel on {node} is missing: {why}")
        return None
    return View(found)


def outbound(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    """A connection that a pod of ambient opens."""
    view = view_of(walker, pod)
    if view is None:
        return
    at = f"ztunnel {view.ztunnel.id}: outbound"
    found = view.service(flight.address)
    if found is not None:
        _to_service(walker, view, at, flight, *found)
        return
    known = view.workload(flight.address)
    if known is None:
        walker.say(
            at, f"knows no Service and no workload at {flight.address or flight.request.host}: passes it on as it is"
        )
        arrive(walker, replace(flight, identity=""))
        return
    _to_workload(walker, view, at, flight, *known)


def _to_service(walker: Walker, view: View, at: str, flight: Flight, place: int, service: dict[str, Any]) -> None:
    name = as_text(service.get("hostname"))
    resource = view.pointer("services", place, name)
    waypoint = view.waypoint(service)
    if waypoint:
        walker.say(at, f"{flight.address}:{flight.port} is {name}, whose waypoint is {waypoint}: HBONE to it", resource)
        _to_waypoint(walker, view, flight, waypoint)
        return
    if str(flight.port) not in as_dict(service.get("ports")):
        walker.say(at, f"{name} has no port {flight.port}: the connection is closed", resource)
        walker.end(Ending.NO_ROUTE, f"service {name} has no port {flight.port}")
        return
    rows = [row for row in as_dict(service.get("endpoints")).values() if isinstance(row, dict)]
    good = [row for row in rows if as_text(row.get("status")) in ("", "Healthy")]
    if not good:
        walker.say(at, f"{name} has no healthy endpoint: the connection is closed", resource)
        walker.end(Ending.NO_HEALTHY_ENDPOINT, f"service {name} has {len(rows)} endpoints, none of them healthy")
        return
    workload = view.by_uid(as_text(good[0].get("workloadUid")))
    port = as_dict(good[0].get("port")).get(str(flight.port), flight.port)
    if workload is None or not as_list(workload.get("workloadIps")):
        walker.say(at, f"{name} leads to {as_text(good[0].get('workloadUid'))}, which has no address", resource)
        arrive(walker, replace(flight, identity=""))
        return
    address = as_text(as_list(workload["workloadIps"])[0])
    more = f", one of {len(good)}" if len(good) > 1 else ""
    walker.say(
        at, f"{name}: workload {workload.get('namespace')}/{workload.get('name')} at {address}:{port}{more}", resource
    )
    _send(walker, at, replace(flight, address=address, port=int(port)), workload)


def _to_workload(walker: Walker, view: View, at: str, flight: Flight, place: int, workload: dict[str, Any]) -> None:
    name = f"{workload.get('namespace')}/{workload.get('name')}"
    resource = view.pointer("workloads", place, name)
    waypoint = view.waypoint(workload)
    if waypoint:
        walker.say(at, f"{flight.address} is workload {name}, whose waypoint is {waypoint}: HBONE to it", resource)
        _to_waypoint(walker, view, flight, waypoint)
        return
    walker.say(at, f"{flight.address} is workload {name}", resource)
    _send(walker, at, flight, workload)


def _send(walker: Walker, at: str, flight: Flight, workload: dict[str, Any]) -> None:
    """To a workload: HBONE where it takes that, else as it is."""
    if as_text(workload.get("protocol")) == "HBONE":
        arrive(walker, replace(flight, socket=HBONE))
        return
    walker.say(
        at, f"workload {workload.get('namespace')}/{workload.get('name')} takes no HBONE: plain, without identity"
    )
    arrive(walker, replace(flight, identity=""))


def _to_waypoint(walker: Walker, view: View, flight: Flight, waypoint: str) -> None:
    """`namespace/hostname` or `network/address` of a waypoint, to one of its pods."""
    head, _, host = waypoint.partition("/")
    service = next((s for s in view.services if (s.get("namespace"), s.get("hostname")) == (head, host)), None)
    address = host if service is None else ""
    for row in as_dict(service.get("endpoints")).values() if service else ():
        workload = view.by_uid(as_text(as_dict(row).get("workloadUid")))
        if workload and as_list(workload.get("workloadIps")):
            address = address or as_text(as_list(workload["workloadIps"])[0])
    if not address:
        walker.end(Ending.NO_HEALTHY_ENDPOINT, f"waypoint {waypoint} has no endpoint")
        return
    arrive(walker, replace(flight, socket=HBONE, hop=address))


def inbound(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    """A connection comes to a pod of ambient, or to a proxy that takes HBONE."""
    if pure_proxy(pod) or proxied(pod):
        _waypoint(walker, flight, pod)
        return
    if not captured(pod):
        walker.say("network", f"Pod {pod.namespace}/{pod.name} takes no HBONE", pod_resource(pod))
        walker.end(Ending.TLS_MISMATCH, f"HBONE to {pod.namespace}/{pod.name}, which is not part of ambient", flag="UF")
        return
    view = view_of(walker, pod)
    if view is None:
        return
    at = f"ztunnel {view.ztunnel.id}: inbound"
    known = view.workload(flight.address)
    if known is None:
        walker.say(at, f"does not know the workload at {flight.address}: the connection is closed")
        walker.end(Ending.INSUFFICIENT_INFO, f"ztunnel {view.ztunnel.id} does not know {flight.address}")
        return
    secure = flight.socket.mode == "hbone"
    identity = flight.identity.removeprefix("spiffe://") if secure else ""
    meet(walker, flight, pod, "HBONE with an identity of the mesh, or plain text where no policy forbids it")
    if flight.socket.mode in ("istio", "tls"):
        deliver(walker, replace(flight, identity=""), pod)
        return
    walker.walk.personal = True
    peer = Peer(flight.ip, identity, flight.address, flight.port)
    config, workload = view.config, dict(known[1])
    tried = changes(walker.mesh)
    if tried is not None:
        mode, policy = walker.demands.of(pod).at(flight.port)
        if mode == "STRICT" and not secure and "PeerAuthentication" in tried.kinds:
            said = f"{ref(policy) if policy else 'the mesh'} makes port {flight.port} STRICT, and plain text comes"
            walker.say(at, said, None, ref(policy) if policy else None)
            walker.end(Ending.DENIED, said, made=ref(policy) if policy else None)
            return
        config = tried.of_ztunnel(workload, pod, dicts(config.get("policies")))
    verdict = judge(config, workload, peer)
    made = made_by(verdict.policy)
    resource = (
        view.pointer("policies", verdict.place, str(made))
        if verdict.policy
        else view.pointer("workloads", known[0], pod.name)
    )
    walker.say(at, verdict.why, resource, made)
    if not verdict.allowed:
        walker.end(Ending.DENIED, verdict.why, made=made)
        return
    deliver(walker, replace(flight, socket=Socket()), pod)


def _waypoint(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    """HBONE ends at a waypoint (or a sidecar that takes it): its listener main_internal takes what is inside."""
    if walker.lacks(pod):
        return
    proxy = walker.mesh.proxy(f"{pod.name}.{pod.namespace}")
    assert proxy is not None
    known = envoy(proxy)
    listener = known.get(Xds.LDS, INTERNAL)
    if listener is None:
        walker.say("network", f"{proxy.kind} {proxy.id} takes no HBONE", pod_resource(pod))
        walker.end(Ending.TLS_MISMATCH, f"{proxy.id} takes no HBONE", flag="UF")
        return
    meet(walker, flight, pod, "HBONE with an identity of the mesh")
    inside = flight.connection()
    connection = Connection(
        flight.ip, inside.source_port, flight.address, flight.port, flight.hidden, inside.sni if flight.hidden else "",
        inside.alpn if flight.hidden else (), (), flight.protocol, flight.hidden, {PEER: flight.identity},
    )  # fmt: skip
    passage = walker.pass_through(listener, connection, flight.request, pod)
    if passage is None:
        return
    if proxy.kind == "sidecar":
        deliver(walker, replace(flight, socket=Socket()), pod)
    else:
        onward(walker, passage)
