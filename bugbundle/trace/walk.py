"""A request from its sender to its end."""

from __future__ import annotations

import difflib
from dataclasses import replace

from bugbundle.errors import NotInBundle
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.workloads.index import captured, proxied, pure_proxy
from bugbundle.trace import capture
from bugbundle.trace.arrival import arrive, first_listener, onward
from bugbundle.trace.config import envoy
from bugbundle.trace.flight import Flight, first
from bugbundle.trace.model import Ending, Request, Walk
from bugbundle.trace.places import addresses_of, is_address, target_port
from bugbundle.trace.walker import Memo, Walker, object_resource, pod_resource

VIRTUAL_OUTBOUND = ("virtualOutbound", 15001)


def walk(mesh: Mesh, request: Request, memo: Memo | None = None) -> Walk:
    """Where a request goes, and why.

    `memo` remembers, between many walks over one mesh, what each proxy made of alike requests. Raises `NotInBundle`
    for a sender or a gateway that the recording does not know; whatever is missing on the way ends in
    INSUFFICIENT_INFO.
    """
    walker = Walker(mesh, request, memo)
    if request.gateway:
        _through_gateway(walker)
    elif request.source:
        _from_pod(walker, _pod(mesh, request.source))
    else:
        _from_outside(walker)
    return walker.walk


def _pod(mesh: Mesh, name: str) -> KubeObject:
    """The pod of `pod.namespace`. Raises `NotInBundle` with the nearest names."""
    short, _, namespace = name.rpartition(".")
    found = mesh.pod(namespace, short)
    if found is None:
        raise _unknown("pod", name, _ids(mesh))
    return found


def _unknown(kind: str, name: str, known: list[str]) -> NotInBundle:
    near = difflib.get_close_matches(name, known, 3, 0.4)
    todo = f"Nearest: {', '.join(near)}" if near else "Write it as NAME.NAMESPACE"
    return NotInBundle(f"no {kind} {name!r} in this bundle", todo=todo)


def _ids(mesh: Mesh) -> list[str]:
    return [f"{name}.{namespace}" for namespace, name in mesh.pods]


def _from_pod(walker: Walker, pod: KubeObject) -> None:
    request = walker.walk.request
    kind = (
        "sidecar"
        if proxied(pod) and not pure_proxy(pod)
        else "gateway"
        if pure_proxy(pod)
        else "ambient"
        if captured(pod)
        else "no proxy"
    )
    walker.say(
        "client", f"Pod {pod.namespace}/{pod.name} ({kind}) asks for {request.method} {request.url}", pod_resource(pod)
    )
    address = _resolve(walker, pod)
    if address is None:
        return
    ip = request.from_ip or (addresses_of(pod) or ("",))[0]
    flight = first(request, pod, ip, walker.places.identity(pod), address)
    if kind == "sidecar":
        _sidecar(walker, flight, pod)
    elif kind == "ambient":
        from bugbundle.trace.ambient import outbound

        outbound(walker, flight, pod)
    else:
        arrive(walker, flight)


def _resolve(walker: Walker, pod: KubeObject) -> str | None:
    """The address that the client connects to: empty where only a proxy can tell; None where the name leads nowhere."""
    request = walker.walk.request
    if request.to_ip:
        return request.to_ip
    proxy = walker.mesh.proxy(f"{pod.name}.{pod.namespace}") if proxied(pod) else None
    table = _dns_table(walker, proxy.id) if proxy else None
    place = walker.places.find(request.host, pod.namespace, table)
    if not is_address(request.host):
        resource = object_resource(place.source) if place.source else None
        walker.say("name", f"{request.host}: {place.said}", resource)
    return place.addresses[0] if place.addresses else ""


def _dns_table(walker: Walker, proxy_id: str) -> dict[str, object] | None:
    """istiod's name table of a proxy (`debug/ndsz`); None where its DNS capture is off."""
    for istiod in walker.mesh.istiods:
        table = as_dict(istiod.json(f"debug/ndsz/{proxy_id}.json"))
        if table.get("table"):
            return table
    return None


def _sidecar(walker: Walker, flight: Flight, pod: KubeObject) -> None:
    caught = capture.outbound(pod, flight.address, flight.port)
    if not caught.redirected:
        walker.say("redirection", f"goes past the sidecar: {caught.why}", pod_resource(pod))
        arrive(walker, flight)
        return
    if walker.lacks(pod):
        return
    proxy = walker.mesh.proxy(f"{pod.name}.{pod.namespace}")
    assert proxy is not None
    listener = first_listener(envoy(proxy), *VIRTUAL_OUTBOUND)
    if listener is None:
        walker.end(Ending.INSUFFICIENT_INFO, f"the listener virtualOutbound of {proxy.id} was not recorded")
        return
    passage = walker.pass_through(listener, replace(flight.connection(), principals=()), flight.request, pod)
    if passage is not None:
        onward(walker, passage)


def _from_outside(walker: Walker) -> None:
    """From outside of the mesh to an address of it."""
    request = walker.walk.request
    who = request.from_ip or "a client outside"
    walker.say("client", f"{who} asks for {request.method} {request.url}")
    address = request.to_ip or request.host
    if not is_address(address):
        place = walker.places.find(request.host, "default")
        address = place.addresses[0] if place.addresses else ""
        walker.say("name", f"{request.host}: {place.said}", object_resource(place.source) if place.source else None)
    arrive(walker, first(request, None, request.from_ip, "", address))


def _through_gateway(walker: Walker) -> None:
    """From outside into a gateway: by its Service's port, else by the number of the URL's."""
    request = walker.walk.request
    pods, service = _gateway(walker, request.gateway)
    pod = pods[0]
    walker.say(
        "client",
        f"{request.from_ip or 'a client outside'} asks for {request.method} {request.url} at gateway {request.gateway}",
    )
    port = request.port
    wanted = next((p for p in dicts(service.spec.get("ports")) if p.get("port") == port), None) if service else None
    if service is not None and wanted is not None:
        port = target_port(pod, wanted)
        said = f"port {request.port} of Service {service.namespace}/{service.name} is port {port} of its pods"
        walker.say("name", said, object_resource(service))
    elif service is not None:
        listed = ", ".join(str(p.get("port")) for p in dicts(service.spec.get("ports")))
        walker.say(
            "name",
            f"Service {service.namespace}/{service.name} has no port {port} (it has {listed})",
            object_resource(service),
        )
    address = (addresses_of(pod) or ("",))[0]
    flight = first(request, None, request.from_ip, "", address)
    arrive(walker, replace(flight, port=port))


def _gateway(walker: Walker, name: str) -> tuple[list[KubeObject], KubeObject | None]:
    """The pods of a gateway, by the name of its pod, Service, Gateway (API) or Deployment. Raises `NotInBundle`."""
    short, _, namespace = name.rpartition(".")
    mesh, index = walker.mesh, walker.places.index
    pods = [pod for pod in index.pods_in.get(namespace, []) if pure_proxy(pod)]
    service = mesh.kube.get(res.SERVICE, namespace, short)
    chosen = [pod for pod in pods if pod.name == short]
    chosen = chosen or ([pod for pod in index.pods_of(service) if pure_proxy(pod)] if service else [])
    labels = ("gateway.networking.k8s.io/gateway-name", "istio.io/gateway-name", "app")
    chosen = chosen or [pod for pod in pods if short in (pod.labels.get(key) for key in labels)]
    chosen = chosen or [pod for pod in pods if pod.name.startswith(f"{short}-")]
    if not chosen:
        known = [f"{p.name}.{p.namespace}" for p in mesh.pods.values() if pure_proxy(p)]
        raise _unknown("gateway", name, known)
    return chosen, service or next(iter(index.services_of(chosen[0])), None)
