"""IST0107: an annotation of Istio stands on a kind of object that it is not for."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.annotations import annotated
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0107",
    "annotations.K8sAnalyzer",
    level=Level.WARNING,
    reads=set(),
    optional={res.NAMESPACE, res.SERVICE, res.POD, res.DEPLOYMENT},
    message="Misplaced annotation: {name} can only be applied to {extra}",
)
def misplaced_annotation(mesh: Mesh) -> Iterator[Hit]:
    """An annotation of Istio stands on a kind of object that it is not for.

    ## Why it matters
    It does nothing there.

    ## What to do
    Move it, most often to the pod template.
    """
    for item, name, extra in annotated(mesh, "IST0107"):
        values = {"name": name, "extra": extra}
        yield Hit(item, values, "/metadata/annotations", name)
