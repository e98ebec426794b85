"""Sidecars of the older kind, which start beside the application's containers and not before them."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.workloads.index import PROXY

REDIRECTION = ("istio-init", "istio-validation")


def beside(pod: KubeObject) -> bool:
    """Whether the sidecar is an ordinary container: not a native sidecar."""
    names = [container.get("name") for container in dicts(pod.spec.get("containers"))]
    return PROXY in names and len(names) > 1


def init_containers_behind(pod: KubeObject) -> list[str]:
    """The application's init containers that run when traffic is redirected already, and no proxy is there yet.

    With istio-cni redirection is there from the start, else behind `istio-init`.
    """
    found: list[dict[str, Any]] = dicts(pod.spec.get("initContainers"))
    names = [str(container.get("name")) for container in found]
    redirected = "istio-validation" in names
    behind = []
    for name in names:
        if name in REDIRECTION:
            redirected = True
        elif redirected:
            behind.append(name)
    return behind
