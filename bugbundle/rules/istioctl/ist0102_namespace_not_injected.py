"""IST0102: nobody said whether this namespace is injected."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import enabled_by_default, unlabelled_namespaces
from bugbundle.mesh.config.istiod_version import newest_version
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level

SKIPS_SYSTEM = (1, 27)
"""istioctl 1.26 reports `kube-system` and the other system namespaces, later releases do not."""


@analyzer(
    "IST0102",
    "injection.Analyzer",
    level=Level.INFO,
    reads={res.NAMESPACE},
    optional={res.CONFIG_MAP, Source.ISTIOD_VERSION, res.POD},
    message="The namespace is not enabled for Istio injection. Run 'kubectl label namespace {name} "
    "istio-injection=enabled' to enable it, or 'kubectl label namespace {name} istio-injection=disabled' to "
    "explicitly mark it as not needing injection.",
)
def namespace_not_injected(mesh: Mesh) -> Iterator[Hit]:
    """A namespace carries no label about injection, and Istio does not inject by default.

    ## Why it matters
    Its pods run without a sidecar: no mTLS, no policy, no telemetry for them. Often that is meant.

    ## What to do
    Label the namespace `istio-injection=enabled`, or `=disabled` to say that it is meant.
    """
    if not enabled_by_default(mesh):
        version = newest_version(mesh)
        for space in unlabelled_namespaces(mesh, system=bool(version) and version < SKIPS_SYSTEM):
            yield Hit(space, {"name": space.name}, "/metadata/labels", f"labels: {space.labels}")
