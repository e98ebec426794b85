"""IST0125: an annotation of Istio has a value that it cannot have."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.annotations import annotated
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0125",
    "annotations.K8sAnalyzer",
    level=Level.WARNING,
    reads=set(),
    optional={res.NAMESPACE, res.SERVICE, res.POD, res.DEPLOYMENT},
    message="Invalid annotation {name}: {extra}",
)
def invalid_annotation(mesh: Mesh) -> Iterator[Hit]:
    """An annotation of Istio has a value that it cannot have.

    ## Why it matters
    Injection fails or ignores it.

    ## What to do
    Correct the value.
    """
    for item, name, extra in annotated(mesh, "IST0125"):
        values = {"name": name, "extra": extra}
        yield Hit(item, values, "/metadata/annotations", name)
