"""IST0148: the namespace is injected because all are."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import enabled_by_default, unlabelled_namespaces
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0148",
    "injection.Analyzer",
    level=Level.INFO,
    reads={res.NAMESPACE, res.CONFIG_MAP},
    message="is enabled for Istio injection, as Istio is installed with enableNamespacesByDefault as true.",
)
def namespace_injection_enabled_by_default(mesh: Mesh) -> Iterator[Hit]:
    """A namespace carries no label about injection, and Istio was installed to inject everywhere.

    ## Why it matters
    New pods get a sidecar though the namespace does not say so.

    ## What to do
    Label namespaces that must stay out of the mesh with `istio-injection=disabled`.
    """
    if enabled_by_default(mesh):
        for space in unlabelled_namespaces(mesh):
            yield Hit(space, {}, "/metadata/labels", f"labels: {space.labels}")
