"""IST0153: an EnvoyFilter uses ADD where it does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.envoyfilters import patches
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0153",
    "envoyfilter.EnvoyPatchAnalyzer",
    level=Level.ERROR,
    reads={res.ENVOY_FILTER},
    message=("The ADD operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, or HTTP_ROUTE."),
)
def envoy_filter_add(mesh: Mesh) -> Iterator[Hit]:
    """An EnvoyFilter uses ADD where it does nothing.

    ## Why it matters
    The patch is ignored.

    ## What to do
    Use MERGE, or apply it to VIRTUAL_HOST.
    """
    for hit in patches(mesh):
        if hit.code == "IST0153":
            yield Hit(hit.origin, {}, hit.place, hit.text)
