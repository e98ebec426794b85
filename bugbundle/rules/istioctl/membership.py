"""Whether a workload is in the mesh, by istioctl's reading (`analyzers/util/in_mesh.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.config.injection import INJECT, INJECTION
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.workloads.index import PROXY, captured


def in_mesh(pod: KubeObject, namespace: Mapping[str, str]) -> bool:
    """A pod: has a sidecar, is captured by ambient, or asks to be injected (itself or its namespace)."""
    return captured(pod) or template_in_mesh(pod.raw, namespace)


def template_in_mesh(template: Mapping[str, Any], namespace: Mapping[str, str]) -> bool:
    """The same for anything with `metadata` and a pod's `spec`."""
    spec, meta = as_dict(template.get("spec")), as_dict(template.get("metadata"))
    containers = [*dicts(spec.get("containers")), *dicts(spec.get("initContainers"))]
    if any(item.get("name") == PROXY and as_text(item.get("image")) for item in containers):
        return True
    for source in (texts(meta.get("labels")), texts(meta.get("annotations"))):
        if INJECT in source:
            return source[INJECT] == "true"
    return namespace.get(INJECTION) == "enabled"
