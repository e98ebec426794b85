"""IST0155: an EnvoyFilter patches relative to others, for one proxy version, without priority."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.envoyfilters import patches
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0155",
    "envoyfilter.EnvoyPatchAnalyzer",
    level=Level.WARNING,
    reads={res.ENVOY_FILTER},
    message=(
        "This EnvoyFilter does not have a priority and has a relative patch operation "
        "(NSTERT_BEFORE/AFTER, REPLACE, MERGE, DELETE) and proxyVersion set which can cause the "
        "EnvoyFilter not to be applied during an upgrade. Using the INSERT_FIRST or ADD option or "
        "setting the priority may help in ensuring the EnvoyFilter is applied correctly."
    ),
)
def envoy_filter_relative_with_version(mesh: Mesh) -> Iterator[Hit]:
    """An EnvoyFilter patches relative to others, for one proxy version, without priority.

    ## Why it matters
    During an upgrade proxies of both versions run, and the patch may not be applied.

    ## What to do
    Set `spec.priority`, or use INSERT_FIRST or ADD.
    """
    for hit in patches(mesh):
        if hit.code == "IST0155":
            yield Hit(hit.origin, {}, hit.place, hit.text)
