"""IST0123: a namespace carries several labels about injection."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES, analysed
from bugbundle.mesh.config.injection import INJECTION, MODE, REVISION
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list


@analyzer(
    "IST0123",
    "injection.Analyzer",
    level=Level.WARNING,
    reads={res.NAMESPACE},
    message=(
        "The namespace has more than one type of injection labels {labels}, which may lead to "
        "undefined behavior. Make sure only one injection label exists."
    ),
)
def namespace_multiple_injection_labels(mesh: Mesh) -> Iterator[Hit]:
    """A namespace carries several labels about injection.

    ## Why it matters
    `istio-injection` wins over `istio.io/rev`, and a sidecar over ambient: the other label does nothing.

    ## What to do
    Keep one of the labels.
    """
    for space in analysed(mesh, res.NAMESPACE):
        if space.name in SYSTEM_NAMESPACES or space.name == "istio-system":
            continue
        value = space.labels.get(INJECTION, "")
        found = [INJECTION] if value else []
        if value in ("", "enabled"):
            found += [key for key in (REVISION, MODE) if space.labels.get(key)]
        if len(found) > 1:
            shown = ", ".join(f"{key}={space.labels[key]}" for key in found)
            yield Hit(
                space, {"labels": go_list(f"{key}={space.labels[key]}" for key in found)}, "/metadata/labels", shown
            )
