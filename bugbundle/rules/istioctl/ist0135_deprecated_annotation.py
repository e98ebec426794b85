"""IST0135: an annotation of Istio that is on its way out."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.annotations import annotated
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import quoted


@analyzer(
    "IST0135",
    "annotations.K8sAnalyzer",
    level=Level.INFO,
    reads=set(),
    optional={res.NAMESPACE, res.SERVICE, res.POD, res.DEPLOYMENT},
    message="Annotation {name} has been deprecated{extra} and may not work in future Istio versions.",
)
def deprecated_annotation(mesh: Mesh) -> Iterator[Hit]:
    """An annotation of Istio that is on its way out.

    ## Why it matters
    A later version ignores it.

    ## What to do
    Use what replaces it.
    """
    for item, name, extra in annotated(mesh, "IST0135"):
        values = {"name": quoted(name), "extra": extra}
        yield Hit(item, values, "/metadata/annotations", name)
