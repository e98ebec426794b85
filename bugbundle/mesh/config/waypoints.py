"""Waypoints: which one an object asks for, whether it is there, what it serves.

The object's own label, else its namespace's; `none` means none; there is no way back from a missing one to the
namespace's (istio, `pilot/pkg/serviceregistry/kube/controller/ambient/waypoints.go`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import MODE, ambient_namespace
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.workloads.index import alive, captured, index

USE = "istio.io/use-waypoint"
USE_NAMESPACE = "istio.io/use-waypoint-namespace"
FOR = "istio.io/waypoint-for"
NAME = "gateway.networking.k8s.io/gateway-name"
MANAGED = "gateway.istio.io/managed"
WAYPOINT = "istio.io-mesh-controller"


class Binding(NamedTuple):
    """Who asks for a waypoint (`holder` carries the label), for whom (`target`), and which (namespace, name)."""

    holder: KubeObject
    target: KubeObject
    waypoint: tuple[str, str]

    @property
    def own(self) -> bool:
        """Whether the target carries the label itself."""
        return self.holder is self.target


def asked(labels: Mapping[str, str], namespace: str) -> tuple[str, str] | None:
    """(namespace, name) of the waypoint that labels ask for; None without a label; ("", "") for `none`."""
    name = labels.get(USE, "")
    if not name:
        return None
    return ("", "") if name == "none" else (labels.get(USE_NAMESPACE) or namespace, name)


def binding(mesh: Mesh, item: KubeObject) -> Binding | None:
    """The waypoint of a Service, ServiceEntry or pod; None where it uses none."""
    if item.labels.get(MANAGED):
        return None
    holder = item
    found = asked(item.labels, item.namespace)
    space = index(mesh).namespaces.get(item.namespace)
    if found is None and space is not None:
        holder, found = space, asked(space.labels, space.name)
    return Binding(holder, item, found) if found and found[1] else None


def service_bindings(mesh: Mesh) -> Iterator[Binding]:
    """The bindings of every Service and ServiceEntry in an ambient namespace, or with a label of its own."""
    known = index(mesh)
    for resource in (res.SERVICE, res.SERVICE_ENTRY):
        for item in mesh.kube.list(resource):
            if USE in item.labels or in_ambient(known.labels_of(item.namespace)):
                found = binding(mesh, item)
                if found:
                    yield found


def in_ambient(labels: Mapping[str, str]) -> bool:
    """Whether a namespace's labels put its pods into ambient."""
    return ambient_namespace(labels)


def ambient_pods(mesh: Mesh, namespace: str) -> list[KubeObject]:
    """The living pods of a namespace that ztunnel has captured."""
    return [pod for pod in index(mesh).pods_in.get(namespace, []) if captured(pod) and alive(pod)]


def waypoint(mesh: Mesh, key: tuple[str, str]) -> KubeObject | None:
    """The Gateway of a binding."""
    return mesh.kube.get(res.K8S_GATEWAY, *key)


def serves(mesh: Mesh, gateway: KubeObject) -> str:
    """`service`, `workload`, `all` or `none`: the Gateway's label, else its class's, else `service`."""
    found = gateway.labels.get(FOR)
    if not found:
        kind = mesh.kube.get(res.GATEWAY_CLASS, "", str(gateway.spec.get("gatewayClassName", "")))
        found = kind.labels.get(FOR) if kind else None
    return found or "service"


def waypoint_pods(mesh: Mesh, gateway: KubeObject) -> list[KubeObject]:
    """The living pods of a waypoint."""
    return [pod for pod in index(mesh).select({NAME: gateway.name}, gateway.namespace) if alive(pod)]


def bound_condition(item: KubeObject) -> tuple[str, dict[str, Any]] | None:
    """(pointer, condition) `istio.io/WaypointBound` where it is False."""
    for number, condition in enumerate(dicts(item.status.get("conditions"))):
        if condition.get("type") == "istio.io/WaypointBound" and condition.get("status") == "False":
            return f"/status/conditions/{number}", condition
    return None


def wants_ambient(pod: KubeObject, namespace: Mapping[str, str]) -> bool:
    """Whether labels ask that ztunnel captures a pod: its own, else its namespace's."""
    own = pod.labels.get(MODE)
    return own == "ambient" or (namespace.get(MODE) == "ambient" and own != "none")
