"""What the mesh is made of: control plane, proxies, ztunnels, namespaces, Istio's objects."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh import Istiod, KubeObject, Mesh, Proxy, Ztunnel
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.parts import container_statuses
from bugbundle.report.words import DASH

ISTIO_GROUPS = (
    ".istio.io",
    "gateways.gateway.networking.k8s.io",
    "httproutes.gateway.networking.k8s.io",
    "grpcroutes.gateway.networking.k8s.io",
    "tcproutes.gateway.networking.k8s.io",
    "tlsroutes.gateway.networking.k8s.io",
    "referencegrants.gateway.networking.k8s.io",
)
_SYSTEM = frozenset({"kube-node-lease", "kube-public"})


@dataclass(frozen=True, slots=True)
class Replica:
    """An istiod or a ztunnel. `ready` is None where the API server was not asked."""

    id: str
    version: str
    detail: str
    ready: bool | None
    proxies: int


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace: how its pods join the mesh, and how many do."""

    name: str
    mode: str
    waypoint: str
    pods: int
    proxies: int


@dataclass(frozen=True)
class Inventory:
    """`versions`: (kind of proxy, version, number); `objects`: (resource, number, recorded)."""

    istiods: tuple[Replica, ...]
    ztunnels: tuple[Replica, ...]
    versions: tuple[tuple[str, str, int], ...]
    namespaces: tuple[Namespace, ...]
    objects: tuple[tuple[str, int], ...]
    objects_none: int


def inventory(mesh: Mesh) -> Inventory:
    """All of it."""
    counts = [(name, len(mesh.kube.list(name))) for name in mesh.kube.resources() if name.endswith(ISTIO_GROUPS)]
    return Inventory(
        tuple(_istiod(item) for item in mesh.istiods),
        tuple(_ztunnel(item) for item in mesh.ztunnels),
        tuple((kind, version, n) for (kind, version), n in sorted(_versions(mesh).items())),
        tuple(_namespaces(mesh)),
        tuple((name, number) for name, number in counts if number),
        sum(1 for _, number in counts if not number),
    )


def proxy_version(proxy: Proxy) -> str:
    """As istiod knows it, else as the proxy's own bootstrap says."""
    for istiod in proxy.mesh.istiods_of(proxy.id):
        known = as_text(istiod.syncz[proxy.id].get("istio_version"))
        if known:
            return known
    return as_text(proxy.metadata.get("ISTIO_VERSION")) or "unknown"


def _versions(mesh: Mesh) -> Counter[tuple[str, str]]:
    return Counter((proxy.kind, proxy_version(proxy)) for proxy in mesh.proxies)


def _istiod(item: Istiod) -> Replica:
    version = re.sub(r"-[0-9a-f]{40}(-\w+)?$", "", item.text("version.txt").strip().partition("\n")[0])[:60]
    return Replica(item.id, version or "unknown", item.revision, _ready(item), len(item.syncz))


def _ztunnel(item: Ztunnel) -> Replica:
    known: Any = item.config.get("version")
    version = as_text(known.get("istioVersion")) if isinstance(known, dict) else ""
    if version in ("", "unknown"):
        version = _image(item.pod) or version or "unknown"
    workloads = item.config.get("workloads")
    number = len(workloads) if isinstance(workloads, list | dict) else 0
    return Replica(item.id, version, item.node_name or DASH, _ready(item), number)


def _image(pod: KubeObject | None) -> str:
    """The tag of the container's image."""
    for status in container_statuses(pod):
        name = as_text(status.get("image")).rpartition("/")[2]
        if ":" in name:
            return f"image {name.rpartition(':')[2]}"
    return ""


def _ready(item: Istiod | Ztunnel) -> bool | None:
    statuses = container_statuses(item.pod)
    return all(status.get("ready") is True for status in statuses) if statuses else None


def _namespaces(mesh: Mesh) -> list[Namespace]:
    pods = Counter(namespace for namespace, _ in mesh.pods)
    proxies = Counter(proxy.namespace for proxy in mesh.proxies)
    made = [
        Namespace(
            item.name,
            mode(item.labels),
            item.labels.get("istio.io/use-waypoint", ""),
            pods[item.name],
            proxies[item.name],
        )
        for item in mesh.kube.list("namespaces")
        if not (item.name in _SYSTEM and not pods[item.name])
    ]
    return sorted(made, key=lambda found: (found.mode == "", found.name))


def mode(labels: dict[str, str]) -> str:
    """How a namespace's pods join the mesh, by its labels; empty where they do not."""
    parts = []
    injection = labels.get("istio-injection")
    if injection == "enabled":
        parts.append("sidecar injection")
    elif injection:
        parts.append(f"injection {injection}")
    if labels.get("istio.io/rev"):
        parts.append(f"sidecar injection, revision {labels['istio.io/rev']}")
    if labels.get("istio.io/dataplane-mode"):
        parts.append(labels["istio.io/dataplane-mode"])
    return ", ".join(parts)
