"""IST0164: a webhook calls an external control plane by its IP address."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.addresses import addresses, host_of, is_ip
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0164",
    "externalcontrolplane.ExternalControlPlaneAnalyzer",
    level=Level.INFO,
    reads={res.VALIDATING, res.MUTATING},
    message=(
        "The address ({url}) that was provided for the webhook ({hook}) to reach the ingress gateway on the external "
        "control plane cluster is an IP address. This is not recommended for a production environment."
    ),
)
def external_control_plane_by_ip(mesh: Mesh) -> Iterator[Hit]:
    """A webhook of Istio's calls the external control plane by its IP address.

    ## Why it matters
    When the address changes, injection and validation stop; its certificate must name the address.

    ## What to do
    Give the gateway of the external control plane a DNS name, and the webhook that name.
    """
    for one in addresses(mesh):
        host = host_of(one.url) if one.url else None
        if host and is_ip(host):
            yield Hit(one.config, {"url": one.url, "hook": one.hook}, f"{one.place}/url", f"url: {one.url}")
