"""IST0146: a Deployment with `image: auto` that no webhook injects."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.injection import takers
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.istioctl.images import image_auto
from bugbundle.rules.istioctl.overlaps import istio_hooks
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0146",
    "injection.ImageAutoAnalyzer",
    level=Level.WARNING,
    reads={res.DEPLOYMENT, res.NAMESPACE, res.MUTATING},
    message=("{kind} {name} contains `image: auto` but does not match any Istio injection webhook selectors."),
)
def image_auto_of_deployment(mesh: Mesh) -> Iterator[Hit]:
    """A Deployment with `image: auto` that no webhook injects.

    ## Why it matters
    Its pods cannot start: `auto` is no image.

    ## What to do
    Label the namespace or the pods for injection.
    """
    for item in analysed(mesh, res.DEPLOYMENT):
        template = as_dict(item.spec.get("template"))
        labels = texts(as_dict(template.get("metadata")).get("labels"))
        if not image_auto(template) or takers(istio_hooks(mesh), index(mesh).labels_of(item.namespace), labels):
            continue
        yield Hit(item, {"kind": item.kind, "name": item.name}, "/spec", "image: auto")
