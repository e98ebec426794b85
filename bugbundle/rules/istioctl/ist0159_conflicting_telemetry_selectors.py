"""IST0159: several Telemetries select the same pod."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import ref
from bugbundle.rules.istioctl.scopes import doubly_selected
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list, quoted


@analyzer(
    "IST0159",
    "telemetry.SelectorAnalyzer",
    level=Level.ERROR,
    reads={res.TELEMETRY, res.POD},
    message=(
        "The Telemetries {names} in namespace {namespace} select the same workload pod {pod}, which"
        " can lead to undefined behavior."
    ),
)
def conflicting_telemetry_selectors(mesh: Mesh) -> Iterator[Hit]:
    """Several Telemetries select the same pod.

    ## Why it matters
    Which settings the pod gets is undefined.

    ## What to do
    Make the selectors disjoint, or merge the Telemetries.
    """
    for (space, pod), owners in doubly_selected(mesh, res.TELEMETRY, "selector").items():
        for item in owners:
            values = {
                "names": go_list(o.name for o in owners),
                "namespace": quoted(space),
                "pod": quoted(pod),
            }
            yield Hit(item, values, "/spec", f"selects {pod}", tuple(ref(o) for o in owners))
