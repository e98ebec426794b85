"""Deployments of the mesh with the Services that select their pods."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.selectors import contains
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.istioctl.membership import template_in_mesh

WAYPOINT = "istio.io-mesh-controller"


def shared_deployments(mesh: Mesh) -> Iterator[tuple[KubeObject, list[KubeObject]]]:
    """(Deployment, the Services that select its pods: one or more), waypoints left out."""
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
            if service.spec.get("selector") and contains(labels, texts(service.spec.get("selector")))
        ]
        if services:
            yield deployment, services
