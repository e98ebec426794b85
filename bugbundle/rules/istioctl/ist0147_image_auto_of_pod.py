"""IST0147: a pod was made with `image: auto` and not injected."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.rules.istioctl.images import image_auto
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0147",
    "injection.ImageAutoAnalyzer",
    level=Level.ERROR,
    reads={res.POD},
    message=("{kind} {name} contains `image: auto` but does not match any Istio injection webhook selectors."),
    diagnosis=True,
)
def image_auto_of_pod(mesh: Mesh) -> Iterator[Hit]:
    """A pod was made with `image: auto` and not injected.

    ## Why it matters
    It cannot start: `auto` is no image.

    ## What to do
    Label the namespace or the pods for injection, and restart.
    """
    for pod in analysed(mesh, res.POD):
        if image_auto(pod.raw):
            yield Hit(pod, {"kind": "Pod", "name": pod.name}, "/spec/containers", "image: auto")
