"""Which pods are asked, and what of: proxies, istiods, ztunnels, containers with logs.

A proxy is a pod with a container (or native sidecar) named `istio-proxy`, whatever its phase: Envoy of a pod that is
Pending answers as well. istiod and ztunnel are known by their label `app`, as istioctl knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from bugbundle.codec import JSONError, Raw, Reader, Struct

PROXY = "istio-proxy"
ISTIOD, ZTUNNEL, CNI = "istiod", "ztunnel", "istio-cni-node"
OWN = ("kube-system", "kube-public", "kube-node-lease")
"""Kubernetes' own namespaces: logs of the mesh's components only."""
MESH_LABELS = ("istio-injection", "istio.io/rev", "istio.io/dataplane-mode", "istio.io/use-waypoint")
DONE = ("Succeeded", "Failed")


class _Owner(Struct):
    kind: str = ""
    name: str = ""


class _Meta(Struct):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    ownerReferences: list[_Owner] | None = None


class _Named(Struct):
    name: str = ""
    image: str = ""


class _Spec(Struct):
    nodeName: str = ""
    containers: list[_Named] | None = None
    initContainers: list[_Named] | None = None
    ephemeralContainers: list[_Named] | None = None


class _State(Struct):
    running: dict[str, Any] | None = None


class _Container(Struct):
    name: str = ""
    ready: bool = False
    restartCount: int = 0
    state: _State | None = None


class _Status(Struct):
    phase: str = ""
    containerStatuses: list[_Container] | None = None
    initContainerStatuses: list[_Container] | None = None


class _Pod(Struct):
    metadata: _Meta
    spec: _Spec | None = None
    status: _Status | None = None


class _Object(Struct):
    metadata: _Meta


class _List(Struct):
    items: list[Raw] | None = None


_list, _one_pod, _one_object = Reader(_List), Reader(_Pod), Reader(_Object)


@dataclass(frozen=True, slots=True)
class Pod:
    """What the collector needs to know of a pod. `kind`: `proxy`, `istiod`, `ztunnel`, `cni` or ""."""

    namespace: str
    name: str
    kind: str
    phase: str
    containers: tuple[str, ...]
    running: frozenset[str]
    restarted: frozenset[str]
    node: str = ""
    version: str = ""
    """Of the image of the mesh's own container; empty where its tag says none."""
    workload: str = ""
    """What made it: a Deployment, a DaemonSet, …; itself where nothing did."""
    labels: Mapping[str, str] = field(default_factory=dict, compare=False)
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    well: bool = True
    """Whether it runs, and all its containers say that they are ready."""

    @property
    def id(self) -> str:
        """`pod.namespace`."""
        return f"{self.name}.{self.namespace}"

    @property
    def agent(self) -> str:
        """The container in which the mesh's own server runs."""
        return "discovery" if self.kind == ISTIOD else PROXY

    @property
    def answers(self) -> bool:
        """Whether its server can be asked at all: it runs, or nobody says that it does not."""
        return self.phase not in DONE and (self.agent in self.running or self.agent not in self.containers)


def read_pods(bodies: Iterable[bytes]) -> list[Pod]:
    """The pods of one or more lists, sorted, each once; a pod that cannot be read is passed over."""
    found = (_pod(item) for body in bodies for item in _items(body, _one_pod))
    return sorted({(pod.namespace, pod.name): pod for pod in found if pod.name}.values(), key=lambda pod: pod.id)


def read_names(body: bytes) -> dict[str, dict[str, str]]:
    """Name → labels of the objects of a list; an object that cannot be read is passed over."""
    found = (item.metadata for item in _items(body, _one_object))
    return {metadata.name: metadata.labels or {} for metadata in found if metadata.name}


def _items(body: bytes, read: Reader) -> Iterator[Any]:
    try:
        items = _list(body).items or ()
    except JSONError:
        return
    for item in items:
        with suppress(JSONError):
            yield read(item)


def mesh_namespaces(pods: Iterable[Pod], namespaces: dict[str, dict[str, str]]) -> set[str]:
    """Where the mesh is: namespaces labelled for it, and those with a component or a proxy."""
    labelled = {name for name, labels in namespaces.items() if any(label in labels for label in MESH_LABELS)}
    return labelled | {pod.namespace for pod in pods if pod.kind and pod.namespace not in OWN}


def _pod(item: _Pod) -> Pod:
    spec, status = item.spec or _Spec(), item.status or _Status()
    lists = (spec.initContainers, spec.containers, spec.ephemeralContainers)
    containers = tuple(one.name for part in lists for one in part or ())
    states = [*(status.initContainerStatuses or ()), *(status.containerStatuses or ())]
    return Pod(
        namespace=item.metadata.namespace,
        name=item.metadata.name,
        kind=_kind(item.metadata.labels or {}, containers),
        phase=status.phase,
        containers=containers,
        running=frozenset(one.name for one in states if one.state and one.state.running is not None),
        restarted=frozenset(one.name for one in states if one.restartCount > 0),
        node=spec.nodeName,
        workload=_workload(item.metadata),
        labels=item.metadata.labels or {},
        annotations=item.metadata.annotations or {},
        well=status.phase == "Running" and all(one.ready for one in status.containerStatuses or ()),
        version=_version(one.image for part in lists for one in part or () if one.name in ("discovery", PROXY)),
    )


def _workload(metadata: _Meta) -> str:
    """A ReplicaSet is named after its Deployment, with a hash behind it."""
    owner = next(iter(metadata.ownerReferences or ()), None)
    if owner is None:
        return metadata.name
    return owner.name.rpartition("-")[0] if owner.kind == "ReplicaSet" and "-" in owner.name else owner.name


def _version(images: Iterable[str]) -> str:
    """The tag of the first image that has one."""
    tags = (image.partition("@")[0].rpartition("/")[2].rpartition(":")[2] for image in images if ":" in image)
    return next((tag for tag in tags if tag), "")


def _kind(labels: dict[str, str], containers: tuple[str, ...]) -> str:
    app = labels.get("app", "")
    if app in (ISTIOD, ZTUNNEL):
        return app
    if CNI in (app, labels.get("k8s-app", "")):
        return "cni"
    return "proxy" if PROXY in containers else ""
