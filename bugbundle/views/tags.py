"""`tag list`: revision tags, and revisions without a tag.

Source: istioctl/pkg/tag of 1.29: webhook configurations and, for ambient, Services that have `istio.io/rev`.
"""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import KubeObject
from bugbundle.views.check_inject import WEBHOOKS
from bugbundle.views.table import Table

REVISION, TAG = "istio.io/rev", "istio.io/tag"
NONE = "No Istio revision tags found.\n"


def tags(mesh: Mesh, system: str = "istio-system") -> list[dict[str, Any]]:
    """`tag`, `revision`, `namespaces` of each, by revision and tag."""
    carriers: list[KubeObject] = [item for item in mesh.kube.list(WEBHOOKS) if REVISION in item.labels]
    carriers += [
        item
        for item in mesh.kube.list("services")
        if item.namespace == system and TAG in item.labels and REVISION in item.labels
    ]
    found = {(item.labels[REVISION], item.labels.get(TAG, "")) for item in carriers}
    tagged = {revision for revision, tag in found if tag}
    return [
        {"tag": tag, "revision": revision, "namespaces": _namespaces(mesh, tag)}
        for revision, tag in sorted(found)
        if tag or revision not in tagged
    ]


def _namespaces(mesh: Mesh, tag: str) -> list[str]:
    """The namespaces whose `istio.io/rev` is the tag, by name."""
    return sorted(item.name for item in mesh.kube.list("namespaces") if item.labels.get(REVISION) == tag)


def table(found: list[dict[str, Any]]) -> Table:
    """TAG REVISION NAMESPACES."""
    rows = tuple((item["tag"], item["revision"], ",".join(item["namespaces"])) for item in found)
    return Table(("TAG", "REVISION", "NAMESPACES"), rows)
