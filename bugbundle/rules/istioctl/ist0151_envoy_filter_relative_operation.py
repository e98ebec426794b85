"""IST0151: an EnvoyFilter patches relative to others and has no priority."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.envoyfilters import patches
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0151",
    "envoyfilter.EnvoyPatchAnalyzer",
    level=Level.WARNING,
    reads={res.ENVOY_FILTER},
    message=(
        "This EnvoyFilter does not have a priority and has a relative patch operation set which can"
        " cause the EnvoyFilter not to be applied. Using the INSERT_FIRST of ADD option or setting "
        "the priority may help in ensuring the EnvoyFilter is applied correctly."
    ),
)
def envoy_filter_relative_operation(mesh: Mesh) -> Iterator[Hit]:
    """An EnvoyFilter patches relative to others and has no priority.

    ## Why it matters
    Whether its anchor is there yet depends on the order in which filters are applied.

    ## What to do
    Set `spec.priority`, or use INSERT_FIRST or ADD.
    """
    for hit in patches(mesh):
        if hit.code == "IST0151":
            yield Hit(hit.origin, {}, hit.place, hit.text)
