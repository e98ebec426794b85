"""What Sidecars let their workloads see."""

from __future__ import annotations

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import full_name, host_matches, texts_of
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.selectors import contains, workload_selector


def sidecar_of(mesh: Mesh, pod: KubeObject) -> KubeObject | None:
    """The Sidecar of a pod: one that selects it, else its namespace's, else the root namespace's."""
    items = mesh.kube.list(res.SIDECAR)
    near = [item for item in items if item.namespace == pod.namespace]
    for item in near:
        wanted = workload_selector(item.spec, "workloadSelector")
        if wanted and contains(pod.labels, wanted):
            return item
    whole = [item for item in near if not workload_selector(item.spec, "workloadSelector")]
    root = [item for item in items if item.namespace == root_namespace(mesh)]
    return next(iter(whole or [i for i in root if not workload_selector(i.spec, "workloadSelector")]), None)


def lets_see(sidecar: KubeObject, service: KubeObject) -> bool:
    """Whether a Sidecar's egress hosts hold a Service; without `egress` they hold everything."""
    entries = dicts(sidecar.spec.get("egress"))
    if not entries:
        return True
    name = full_name(service.name, service.namespace)
    for entry in entries:
        for text in texts_of(entry.get("hosts")):
            space, _, host = text.rpartition("/")
            space = sidecar.namespace if space == "." else space
            if space in ("*", service.namespace) and host_matches(host, name):
                return True
    return False
