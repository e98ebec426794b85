"""IST0111: a namespace has several Sidecars without a selector."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import ref
from bugbundle.rules.istioctl.scopes import without_selector
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list, quoted


@analyzer(
    "IST0111",
    "sidecar.SelectorAnalyzer",
    level=Level.ERROR,
    reads={res.SIDECAR},
    message=(
        "The Sidecars {names} in namespace {namespace} have no workload selector, which can lead to undefined behavior."
    ),
)
def multiple_sidecars_without_selector(mesh: Mesh) -> Iterator[Hit]:
    """A namespace has several Sidecars without a selector.

    ## Why it matters
    Only one of them is used, and which one is undefined.

    ## What to do
    Keep one; give the others a workloadSelector.
    """
    for space, owners in without_selector(mesh, res.SIDECAR, "workloadSelector").items():
        for item in owners:
            values = {"names": go_list(o.name for o in owners), "namespace": quoted(space)}
            yield Hit(item, values, "/spec", "no selector", tuple(ref(o) for o in owners))
