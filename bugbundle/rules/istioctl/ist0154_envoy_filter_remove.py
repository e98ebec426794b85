"""IST0154: an EnvoyFilter uses REMOVE where it does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.envoyfilters import patches
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0154",
    "envoyfilter.EnvoyPatchAnalyzer",
    level=Level.ERROR,
    reads={res.ENVOY_FILTER},
    message=("The REMOVE operation will be ignored when applyTo is set to ROUTE_CONFIGURATION, or HTTP_ROUTE."),
)
def envoy_filter_remove(mesh: Mesh) -> Iterator[Hit]:
    """An EnvoyFilter uses REMOVE where it does nothing.

    ## Why it matters
    The patch is ignored.

    ## What to do
    Remove the route where it is configured.
    """
    for hit in patches(mesh):
        if hit.code == "IST0154":
            yield Hit(hit.origin, {}, hit.place, hit.text)
