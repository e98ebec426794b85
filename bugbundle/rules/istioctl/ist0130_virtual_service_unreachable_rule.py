"""IST0130: a rule of a VirtualService can never be reached."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import dicts
from bugbundle.rules.istioctl.routes import ROUTES, unreachable
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0130",
    "schema.ValidationAnalyzer.VirtualService",
    level=Level.WARNING,
    reads={res.VIRTUAL_SERVICE},
    message="VirtualService rule {rule} not used ({reason}).",
)
def virtual_service_unreachable_rule(mesh: Mesh) -> Iterator[Hit]:
    """A rule of a VirtualService can never be reached.

    ## Why it matters
    Requests that it was written for go elsewhere.

    ## What to do
    Put the rule before the one that hides it, or take it out.
    """
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        for kind in ROUTES:
            for number, name, reason in unreachable(dicts(service.spec.get(kind))):
                values = {"rule": name, "reason": reason}
                yield Hit(service, values, f"/spec/{kind}/{number}", f"rule {name}")
