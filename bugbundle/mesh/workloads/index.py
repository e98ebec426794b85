"""Pods, Services and namespaces by what rules ask for: each built once per mesh, on first use."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from bugbundle.mesh import Istiod, KubeObject, Mesh
from bugbundle.mesh.kinds import ENDPOINT_SLICE
from bugbundle.mesh.kube import as_text, texts
from bugbundle.mesh.once import once
from bugbundle.mesh.parts import containers
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.selectors import contains

PROXY = "istio-proxy"


class Index:
    """Look-ups over the Kubernetes objects of one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self.kube = mesh.kube

    @functools.cached_property
    def pods_in(self) -> dict[str, list[KubeObject]]:
        """namespace → its pods."""
        return _by_namespace(self.kube.list("pods"))

    @functools.cached_property
    def services_in(self) -> dict[str, list[KubeObject]]:
        """namespace → its Services."""
        return _by_namespace(self.kube.list("services"))

    @functools.cached_property
    def namespaces(self) -> dict[str, KubeObject]:
        """name → Namespace."""
        return {space.name: space for space in self.kube.list("namespaces")}

    def labels_of(self, namespace: str) -> dict[str, str]:
        """The labels of a namespace; empty where it is unknown."""
        found = self.namespaces.get(namespace)
        return found.labels if found else {}

    @functools.cached_property
    def _labelled(self) -> dict[tuple[str, str, str], list[KubeObject]]:
        """(namespace, key, value) → pods; the namespace "" stands for all."""
        found: dict[tuple[str, str, str], list[KubeObject]] = {}
        for pod in self.kube.list("pods"):
            for key, value in pod.labels.items():
                found.setdefault((pod.namespace, key, value), []).append(pod)
                found.setdefault(("", key, value), []).append(pod)
        return found

    def select(self, wanted: Mapping[str, str], namespace: str = "") -> list[KubeObject]:
        """The pods (of one namespace, or of all) that carry all wanted labels."""
        if not wanted:
            return self.pods_in.get(namespace, []) if namespace else self.kube.list("pods")
        buckets = [self._labelled.get((namespace, key, value), []) for key, value in wanted.items()]
        found = [pod for pod in min(buckets, key=len) if contains(pod.labels, wanted)]
        if not found:
            self.kube.doubt("pods", namespace)
        return found

    def has(self, wanted: Mapping[str, str]) -> bool:
        """Whether any pod of the mesh carries all wanted labels."""
        if not wanted:
            return bool(self.kube.list("pods"))
        buckets = [self._labelled.get(("", key, value), []) for key, value in wanted.items()]
        found = any(contains(pod.labels, wanted) for pod in min(buckets, key=len))
        if not found:
            self.kube.doubt("pods", "")
        return found

    def pods_of(self, service: KubeObject) -> list[KubeObject]:
        """The living pods that a Service selects; none where it has no selector."""
        wanted = texts(service.spec.get("selector"))
        return [pod for pod in self.select(wanted, service.namespace) if alive(pod)] if wanted else []

    @functools.cached_property
    def _slices(self) -> dict[tuple[str, str], list[KubeObject]]:
        found: dict[tuple[str, str], list[KubeObject]] = {}
        for item in self.kube.list(ENDPOINT_SLICE):
            key = (item.namespace, item.labels.get("kubernetes.io/service-name", ""))
            found.setdefault(key, []).append(item)
        return found

    def slices_of(self, namespace: str, service: str) -> list[KubeObject]:
        """The EndpointSlices of a Service."""
        return self._slices.get((namespace, service), [])

    def covers(self, resource: str, namespace: str) -> bool:
        """Whether a resource was recorded for a namespace, be it by the list of all or by its own."""
        return self.kube.covers(resource, namespace)

    @functools.cached_property
    def _services_by_pod(self) -> dict[tuple[str, str], list[KubeObject]]:
        found: dict[tuple[str, str], list[KubeObject]] = {}
        for service in self.kube.list("services"):
            for pod in self.pods_of(service):
                found.setdefault((pod.namespace, pod.name), []).append(service)
        return found

    def services_of(self, pod: KubeObject) -> list[KubeObject]:
        """The Services that select a pod."""
        return self._services_by_pod.get((pod.namespace, pod.name), [])


@once
def index(mesh: Mesh) -> Index:
    """The one index of a mesh."""
    return Index(mesh)


def alive(pod: KubeObject) -> bool:
    """Neither finished nor failed nor being deleted."""
    gone = pod.status.get("phase") in ("Succeeded", "Failed")
    return not gone and not pod.metadata.get("deletionTimestamp")


def ready(pod: KubeObject) -> bool:
    """Whether the kubelet calls the pod ready."""
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in pod.conditions())


def proxied(pod: KubeObject) -> bool:
    """Whether an Envoy of Istio runs in the pod."""
    if pod.labels.get("app") == "ztunnel":
        return False
    return any(c.get("name") == PROXY for c in containers(pod))


def pure_proxy(pod: KubeObject) -> bool:
    """A gateway or a waypoint: a proxy and nothing else."""
    return proxied(pod) and len(containers(pod)) == 1


def captured(pod: KubeObject) -> bool:
    """Whether the pod's traffic goes through ztunnel."""
    return pod.annotations.get("ambient.istio.io/redirection") == "enabled"


def meshed(pod: KubeObject) -> bool:
    """Sidecar or ambient."""
    return proxied(pod) or captured(pod)


def pod_id(pod: KubeObject) -> str:
    """`pod.namespace`."""
    return f"{pod.name}.{pod.namespace}"


def node_of(pod: KubeObject) -> str:
    """The node a pod runs on."""
    return as_text(pod.spec.get("nodeName"))


def _by_namespace(objects: list[KubeObject]) -> dict[str, list[KubeObject]]:
    found: dict[str, list[KubeObject]] = {}
    for item in objects:
        found.setdefault(item.namespace, []).append(item)
    return found


def fronts(istiod: Istiod) -> tuple[Ref, ...]:
    """The Services of an istiod (`istiod`, `istiod-<revision>`, those of its tags), by which proxies find it."""
    found = index(istiod.mesh).services_of(istiod.pod) if istiod.pod else []
    return tuple(ref(item) for item in found) or (Ref("Service", istiod.namespace, "istiod"),)
