"""IST0174: a DestinationRule is for a host that nobody has."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.kube import as_text
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0174",
    "destinationrule.SubsetSelectPodAnalyzer",
    level=Level.WARNING,
    reads={res.DESTINATION_RULE, res.SERVICE},
    optional={res.SERVICE_ENTRY},
    message="The host {host} defined in the DestinationRule does not match any services in the mesh.",
)
def unknown_destination_rule_host(mesh: Mesh) -> Iterator[Hit]:
    """A DestinationRule is for a host that nobody has.

    ## Why it matters
    It does nothing. A short name means the DestinationRule's own namespace.

    ## What to do
    Write the full name of the Service.
    """
    for item in analysed(mesh, res.DESTINATION_RULE):
        host = as_text(item.spec.get("host"))
        if hosts(mesh).find(host, item.namespace, item.spec.get("exportTo")) is None:
            yield Hit(item, {"host": host}, "/spec/host", f"host: {host}")
