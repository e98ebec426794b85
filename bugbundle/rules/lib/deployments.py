"""Deployments of the mesh that several Services share."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.rules.lib import resources as res
from bugbundle.rules.lib.index import index
from bugbundle.rules.lib.istioctl import analysed
from bugbundle.rules.lib.membership import template_in_mesh
from bugbundle.rules.lib.selectors import matches

WAYPOINT = "istio.io-mesh-controller"


def shared_deployments(mesh: Mesh) -> Iterator[tuple[KubeObject, list[KubeObject]]]:
    """(Deployment, the Services that select its pods), waypoints left out."""
    known = index(mesh)
    for deployment in analysed(mesh, res.DEPLOYMENT):
        template = as_dict(deployment.spec.get("template"))
        labels = texts(as_dict(template.get("metadata")).get("labels"))
        if labels.get("gateway.istio.io/managed") == WAYPOINT:
            continue
        if not template_in_mesh(template, known.labels_of(deployment.namespace)):
            continue
        services = [
            service
            for service in known.services_in.get(deployment.namespace, [])
            if service.spec.get("selector") and matches(texts(service.spec.get("selector")), labels)
        ]
        if len(services) > 1:
            yield deployment, services
