"""Proxy images: what pods run, what the injection would give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import REVISION
from bugbundle.mesh.config.meshconfig import injection_values, mesh_config
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.workloads.index import PROXY


def _containers(pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    spec = as_dict(pod.get("spec"))
    return [*dicts(spec.get("containers")), *dicts(spec.get("initContainers"))]


def image_auto(pod: Mapping[str, Any]) -> bool:
    """Whether the proxy's container still says `image: auto`."""
    return any(item.get("name") == PROXY and item.get("image") == "auto" for item in _containers(pod))


def proxy_image(pod: KubeObject) -> str:
    """The image of a pod's proxy; empty where it has none."""
    return next((as_text(item.get("image")) for item in _containers(pod.raw) if item.get("name") == PROXY), "")


def revisions(mesh: Mesh) -> set[str]:
    """Every revision that a namespace asks for, and `default`."""
    return {"default", *(space.labels.get(REVISION) or "default" for space in mesh.kube.list(res.NAMESPACE))}


def expected_image(mesh: Mesh, revision: str) -> str:
    """The image that the injection of a revision gives; empty where its settings were not recorded."""
    values = as_dict(injection_values(mesh, revision).get("global"))
    image = as_text(as_dict(values.get("proxy")).get("image"))
    if not image or "/" in image:
        return image
    tag = values.get("tag")
    if not isinstance(tag, str | int | float) or not tag:
        return ""
    found = f"{as_text(values.get('hub'))}/{image}:{tag}"
    kind = as_text(as_dict(as_dict(mesh_config(mesh).get("defaultConfig")).get("image")).get("imageType"))
    return f"{found}-{kind}" if kind and kind != "default" else found
