"""IST0002: a field or a kind that Istio no longer wants."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0002",
    "deprecation.DeprecationAnalyzer",
    level=Level.WARNING,
    reads=set(),
    optional={res.VIRTUAL_SERVICE, res.SIDECAR, res.CRD},
    message="Deprecated: {detail}",
)
def deprecated(mesh: Mesh) -> Iterator[Hit]:
    """A field or a kind that Istio no longer wants.

    ## Why it matters
    A later version ignores it.

    ## What to do
    Use what the message names.
    """
    for service in analysed(mesh, res.VIRTUAL_SERVICE):
        for number, entry in enumerate(dicts(service.spec.get("http"))):
            percent = as_dict(as_dict(entry.get("fault")).get("delay")).get("percent")
            if isinstance(percent, int) and percent > 0:
                text = "HTTPRoute.fault.delay.percent is deprecated; use HTTPRoute.fault.delay.percentage"
                place = f"/spec/http/{number}/fault/delay/percent"
                yield Hit(service, {"detail": text}, place, f"percent: {percent}")
    for item in analysed(mesh, res.SIDECAR):
        if as_dict(item.spec.get("outboundTrafficPolicy")).get("egressProxy"):
            text = "OutboundTrafficPolicy.EgressProxy ignored"
            yield Hit(item, {"detail": text}, "/spec/outboundTrafficPolicy", "egressProxy")
    for crd in mesh.kube.list(res.CRD):
        if crd.name.endswith(".rbac.istio.io"):
            kind = as_text(as_dict(crd.spec.get("names")).get("kind"))
            text = f"Custom resource type rbac.istio.io {kind} is removed"
            yield Hit(crd, {"detail": text}, "/spec/names", crd.name)
