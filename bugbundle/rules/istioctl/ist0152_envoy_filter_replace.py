"""IST0152: an EnvoyFilter uses REPLACE where it does nothing."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.envoyfilters import patches
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0152",
    "envoyfilter.EnvoyPatchAnalyzer",
    level=Level.ERROR,
    reads={res.ENVOY_FILTER},
    message="The REPLACE operation is only valid for HTTP_FILTER and NETWORK_FILTER.",
)
def envoy_filter_replace(mesh: Mesh) -> Iterator[Hit]:
    """An EnvoyFilter uses REPLACE where it does nothing.

    ## Why it matters
    The patch is ignored.

    ## What to do
    Use MERGE, or apply it to HTTP_FILTER or NETWORK_FILTER.
    """
    for hit in patches(mesh):
        if hit.code == "IST0152":
            yield Hit(hit.origin, {}, hit.place, hit.text)
