"""Which objects with a workload selector meet on the same pod, or have none."""

from __future__ import annotations

from collections import defaultdict

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import index


def doubly_selected(mesh: Mesh, resource: str, field: str) -> dict[tuple[str, str], list[KubeObject]]:
    """(namespace, pod) → the objects that select it, where there are several."""
    found: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
    for item in analysed(mesh, resource):
        wanted = workload_selector(item.spec, field)
        for pod in index(mesh).select(wanted, item.namespace) if wanted else ():
            found[pod.namespace, pod.name].append(item)
    return {key: owners for key, owners in found.items() if len(owners) > 1}


def without_selector(mesh: Mesh, resource: str, field: str) -> dict[str, list[KubeObject]]:
    """namespace → its objects without a selector, where there are several."""
    found: dict[str, list[KubeObject]] = defaultdict(list)
    for item in analysed(mesh, resource):
        if workload_selector(item.spec, field) is None:
            found[item.namespace].append(item)
    return {space: owners for space, owners in found.items() if len(owners) > 1}
