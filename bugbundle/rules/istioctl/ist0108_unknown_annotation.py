"""IST0108: an annotation of Istio's domain that Istio does not know."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.annotations import annotated
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0108",
    "annotations.K8sAnalyzer",
    level=Level.WARNING,
    reads=set(),
    optional={res.NAMESPACE, res.SERVICE, res.POD, res.DEPLOYMENT},
    message="Unknown annotation: {name}",
)
def unknown_annotation(mesh: Mesh) -> Iterator[Hit]:
    """An annotation of Istio's domain that Istio does not know.

    ## Why it matters
    It does nothing; most often a slip of the pen.

    ## What to do
    Correct its name.
    """
    for item, name, extra in annotated(mesh, "IST0108"):
        values = {"name": name, "extra": extra}
        yield Hit(item, values, "/metadata/annotations", name)
