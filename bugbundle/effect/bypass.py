"""Waypoints that traffic passes by: what ztunnel's access log says of the way, against what the binding asks for.

ztunnel sends to the waypoint what is addressed to a Service (its cluster IP) or a ServiceEntry (its address, given
out by DNS capture). A connection to a pod's own address goes straight there: that is what socket load balancing
makes of every connection (docs.cilium.io, «kube-proxy replacement»; istio.io, «Platform-specific prerequisites»).
Source: ztunnel src/state.rs (`find_upstream`), src/proxy/outbound.rs, cni/pkg/config (AMBIENT_DNS_CAPTURE).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from bugbundle.effect.model import Reason, Why
from bugbundle.errors import BugbundleError
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import Binding, binding, serves, waypoint, waypoint_pods
from bugbundle.mesh.kube import as_list, as_text, dicts, texts
from bugbundle.mesh.once import once
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import time_of
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.words import clip

MOST = 8 << 20
WITHIN = timedelta(minutes=15)
FEWEST = 3
_FIELD = re.compile(r'([\w.]+)=(?:"([^"]*)"|(\S+))')


class Flow(NamedTuple):
    """One connection that a pod opened, as its ztunnel logged it."""

    source: tuple[str, str]
    address: str
    hbone: str
    service: str
    workload: tuple[str, str]
    at: datetime | None
    proof: Proof


@once
def flows(mesh: Mesh) -> list[Flow]:
    """The outbound connections near the capture, of all ztunnels."""
    return [flow for one in mesh.ztunnels for flow in _of(mesh, one.namespace, one.name)]


def _of(mesh: Mesh, namespace: str, name: str) -> Iterator[Flow]:
    path = f"logs/{namespace}/{name}/istio-proxy.log"
    try:
        data = mesh.bundle[path]
    except (KeyError, BugbundleError):
        return
    now = mesh.bundle.at(path) or mesh.now
    start = max(len(data) - MOST, 0)
    number = data.count(b"\n", 0, start)
    for line in data[start:].split(b"\n"):
        number += 1
        if b'direction="outbound"' not in line or b"connection complete" not in line or b" error=" in line:
            continue
        at = time_of(line)
        if at and now and now - at > WITHIN:
            continue
        text = line.decode("utf-8", "replace")
        seen = {key: quoted or bare for key, quoted, bare in _FIELD.findall(text)}
        yield Flow(
            (seen.get("src.namespace", ""), seen.get("src.workload", "")),
            seen.get("dst.addr", ""),
            seen.get("dst.hbone_addr", ""),
            seen.get("dst.service", ""),
            (seen.get("dst.namespace", ""), seen.get("dst.workload", "")),
            at,
            Proof(Pointer(path, f"line {number}"), clip(text[:400])),
        )


def bypassed(mesh: Mesh, item: KubeObject) -> tuple[Why, ...]:
    """Why what is bound to the waypoint of a Service or ServiceEntry does not see its traffic; empty where it does."""
    bound = binding(mesh, item)
    gateway = waypoint(mesh, bound.waypoint) if bound else None
    if bound is None or gateway is None or serves(mesh, gateway) not in ("service", "all"):
        return ()
    if item.kind == "ServiceEntry":
        return tuple(_without_dns(mesh, item, gateway))
    return tuple(_past(mesh, item, bound, gateway))


def _past(mesh: Mesh, item: KubeObject, bound: Binding, gateway: KubeObject) -> Iterator[Why]:
    """Connections to the pods of a Service by their own address, and none by the Service's."""
    pods = {(pod.namespace, pod.name): pod for pod in index(mesh).pods_of(item)}
    own = {(pod.namespace, pod.name) for pod in waypoint_pods(mesh, gateway)}
    straight = [flow for flow in flows(mesh) if flow.workload in pods and not flow.service and flow.source not in own]
    host = f"{item.name}.{item.namespace}.svc"
    proper = [flow for flow in flows(mesh) if flow.service.startswith(host) and flow.workload in own]
    if len(straight) < FEWEST or proper or item.spec.get("clusterIP") == "None":
        return
    config = cilium_sockets(mesh)
    cause = "the callers connect to pods' own addresses"
    objects = [ref(gateway), ref(item), *(ref(pod) for pod in list(pods.values())[:10])]
    proofs = [flow.proof for flow in straight[-2:]]
    todo = f"Let the callers use {host}.cluster.local."
    if config is not None:
        cause = "Cilium's socket load balancing replaces the Service's address inside of the caller's pod"
        objects.insert(0, ref(config))
        proofs.insert(0, Proof(config.at("/data"), "kube-proxy-replacement: true, bpf-lb-sock-hostns-only is not true"))
        todo = (
            "Set socketLB.hostNamespaceOnly=true in Cilium's chart (bpf-lb-sock-hostns-only in its ConfigMap), "
            "restart its agents."
        )
    callers = sorted({"/".join(flow.source) for flow in straight})
    text = (
        f"uses {gateway}, and its traffic passes by it: {len(straight)} connections of {callers[0]}"
        f"{' and others' if len(callers) > 1 else ''} went straight to its pods, none by the waypoint; {cause}"
    )
    pods_named = tuple(map(pod_id, pods.values()))
    seen = tuple(proofs[-2:]) if config is not None else ()
    known = config is not None
    yield Why(
        Reason.BYPASSED,
        text,
        todo,
        "",
        tuple(objects),
        tuple(proofs),
        (),
        pods_named,
        advice=not known,
        certain=known,
        seen=seen,
    )


def cilium_sockets(mesh: Mesh) -> KubeObject | None:
    """Cilium's ConfigMap where its socket load balancing reaches into pods: by itself, or as part of its kube-proxy."""
    config = mesh.kube.get(res.CONFIG_MAP, "kube-system", "cilium-config")
    data = texts(config.raw.get("data")) if config else {}
    on = data.get("bpf-lb-sock") == "true" or data.get("kube-proxy-replacement") in ("true", "strict")
    return config if on and data.get("bpf-lb-sock-hostns-only") != "true" else None


def _without_dns(mesh: Mesh, item: KubeObject, gateway: KubeObject) -> Iterator[Why]:
    """A ServiceEntry without addresses is known by those that DNS capture gives out; without that nobody calls them."""
    config = mesh.kube.get(res.CONFIG_MAP, _cni_namespace(mesh), "istio-cni-config")
    data = texts(config.raw.get("data")) if config else {}
    if config is None or data.get("AMBIENT_DNS_CAPTURE", "").lower() != "false" or item.spec.get("addresses"):
        return
    ports = {port.get("number") for port in dicts(item.spec.get("ports"))}
    strange = [
        flow for flow in flows(mesh) if not flow.service and not flow.workload[1] and _port(flow.address) in ports
    ]
    known = _addresses(mesh)
    strange = [flow for flow in strange if flow.address.rpartition(":")[0].strip("[]") not in known]
    hosts = as_list(item.spec.get("hosts"))
    text = (
        f"has no addresses, and DNS capture of ambient is off (AMBIENT_DNS_CAPTURE: false): ztunnel does not know "
        f"connections to {as_text(hosts[0]) if hosts else 'it'}, and {gateway} never sees them"
    )
    if strange:
        text += (
            f"; {len(strange)} connections to port {_port(strange[-1].address)} outside of the mesh went straight there"
        )
    todo = "Set cni.ambient.dnsCapture=true in istio-cni's chart and restart the pods, or write spec.addresses."
    proofs = (Proof(config.at("/data/AMBIENT_DNS_CAPTURE"), "false"), Proof(item.at("/spec"), "no addresses"))
    seen = tuple(flow.proof for flow in strange[-2:])
    yield Why(Reason.BYPASSED, text, todo, "", (ref(config), ref(gateway)), (*proofs, *seen), seen=seen)


def _cni_namespace(mesh: Mesh) -> str:
    found = [item for item in mesh.kube.list(res.CONFIG_MAP) if item.name == "istio-cni-config"]
    return found[0].namespace if found else ""


def _port(address: str) -> int:
    text = address.rpartition(":")[2]
    return int(text) if text.isdigit() else 0


@once
def _addresses(mesh: Mesh) -> frozenset[str]:
    """The addresses of all pods and Services."""
    every: dict[str, int] = defaultdict(int)
    for pod in mesh.kube.list(res.POD):
        every[as_text(pod.status.get("podIP"))] += 1
    for service in mesh.kube.list(res.SERVICE):
        every[as_text(service.spec.get("clusterIP"))] += 1
    return frozenset(every) - {""}


def service(mesh: Mesh, item: KubeObject) -> tuple[str, ...]:
    """The waypoint that a Service is to be reached by: the ids of its pods."""
    bound = binding(mesh, item)
    gateway = waypoint(mesh, bound.waypoint) if bound else None
    return tuple(map(pod_id, waypoint_pods(mesh, gateway))) if gateway else ()
