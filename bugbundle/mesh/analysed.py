"""The objects that `istioctl analyze` looks at (istio, `pkg/config/analysis/local`)."""

from __future__ import annotations

from bugbundle.mesh.kube import KubeObject
from bugbundle.mesh.model import Mesh

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
UNREVISIONED = frozenset({"namespaces", "pods", "services", "secrets", "configmaps", "nodes"})
"""Kinds whose objects count whatever their `istio.io/rev` says."""


def analysed(mesh: Mesh, resource: str) -> list[KubeObject]:
    """The objects that istioctl looks at: no system namespaces, and only those of its revision."""
    return [
        item
        for item in mesh.kube.list(resource)
        if item.namespace not in SYSTEM_NAMESPACES
        and (resource in UNREVISIONED or item.labels.get("istio.io/rev", mesh.revision) == mesh.revision)
    ]
