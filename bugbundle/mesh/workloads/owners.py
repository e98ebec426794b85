"""Who is behind a name: the workload of a pod, the Service of a cluster, the Istio object of a resource."""

from __future__ import annotations

import re

from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh.config.hosts import service_of
from bugbundle.mesh.kinds import REPLICA_SET
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Ref

_CONFIG = re.compile(r"/apis/[^/]+/[^/]+/namespaces/([^/]+)/([^/]+)/(.+)")
_CLUSTER = re.compile(r"(outbound|inbound)\|(\d+)\|([^|]*)\|(.*)")

CONTROL_PLANE_SERVICE = "istiod"


def workload(mesh: Mesh, pod: KubeObject) -> Ref:
    """The Deployment, StatefulSet, DaemonSet, Job… that made a pod; the pod itself where nothing did."""
    owner = _owner(pod)
    if owner is None:
        return Ref("Pod", pod.namespace, pod.name)
    if owner.kind == "ReplicaSet":
        found = mesh.kube.get(REPLICA_SET, pod.namespace, owner.name)
        above = _owner(found) if found else None
        if above is not None:
            return above
        name, _, suffix = owner.name.rpartition("-")
        if name and suffix == pod.labels.get("pod-template-hash"):
            return Ref("Deployment", pod.namespace, name)
    return owner


def _owner(thing: KubeObject) -> Ref | None:
    for item in dicts(thing.metadata.get("ownerReferences")):
        if item.get("controller"):
            return Ref(as_text(item.get("kind")), thing.namespace, as_text(item.get("name")))
    return None


def config_ref(config: str) -> Ref | None:
    """`/apis/networking.istio.io/v1/namespaces/shop/virtual-service/cart` → VirtualService shop/cart.

    Source: istio/pkg/config/resource, the `istio.config` metadata that istiod writes into what it generates.
    """
    match = _CONFIG.fullmatch(config)
    if not match:
        return None
    kind = "".join(part.capitalize() for part in match[2].split("-"))
    return Ref(kind, match[1], match[3])


class ClusterName:
    """`outbound|9080|v1|reviews.shop.svc.cluster.local` taken apart; `host` empty where it is another name."""

    __slots__ = ("direction", "host", "port", "subset")

    def __init__(self, name: str) -> None:
        match = _CLUSTER.fullmatch(name)
        self.direction = match[1] if match else ""
        self.port = int(match[2]) if match else 0
        self.subset = match[3] if match else ""
        self.host = match[4] if match else ""

    @property
    def service(self) -> Ref | None:
        """The Kubernetes Service, if the host is one."""
        found = service_of(self.host, "") if self.host else None
        return Ref("Service", *found) if found else None


def control_plane(proxy: Proxy) -> tuple[Ref, ...]:
    """The Service that a proxy's discovery address names; empty where it cannot be told."""
    service = service_of(discovery_host(proxy), "istio-system")
    return (Ref("Service", *service),) if service else ()


def discovery_address(proxy: Proxy) -> str:
    """`istiod.istio-system.svc:15012`: as the bootstrap's metadata says, else the pod's annotation."""
    config = proxy.metadata.get("PROXY_CONFIG")
    address = as_text(config.get("discoveryAddress")) if isinstance(config, dict) else ""
    return address or annotated_address(proxy.pod)


def annotated_address(pod: KubeObject | None) -> str:
    """The discovery address in a pod's annotation `proxy.istio.io/config` (YAML or JSON)."""
    text = pod.annotations.get("proxy.istio.io/config", "") if pod else ""
    match = re.search(r"""["']?discoveryAddress["']?\s*:\s*["']?([^"'\s,}]+)""", text)
    return match[1] if match else ""


def discovery_host(proxy: Proxy) -> str:
    """The host of the discovery address, as far as a Service's full name."""
    host = discovery_address(proxy).rpartition(":")[0]
    return host + ".cluster.local" if host.endswith(".svc") else host
