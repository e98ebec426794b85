"""IST0131: a match of a VirtualService is hidden by an earlier one."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import dicts
from bugbundle.rules.istioctl.routes import ROUTES, ineffective
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0131",
    "schema.ValidationAnalyzer.VirtualService",
    level=Level.INFO,
    reads={res.VIRTUAL_SERVICE},
    message=("VirtualService rule {rule} match {match} is not used (duplicate/overlapping match in rule {other})."),
)
def virtual_service_ineffective_match(mesh: Mesh) -> Iterator[Hit]:
    """A match of a VirtualService is hidden by an earlier one.

    ## Why it matters
    It does nothing.

    ## What to do
    Take it out, or put the narrower match first.
    """
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        for kind in ROUTES:
            for number, rule_name, match, other in ineffective(kind, dicts(service.spec.get(kind))):
                values = {"rule": rule_name, "match": match, "other": other}
                yield Hit(service, values, f"/spec/{kind}/{number}/match", f"match {match}")
