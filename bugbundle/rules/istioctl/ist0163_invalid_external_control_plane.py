"""IST0163: a webhook has no usable address of an external control plane."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.istioctl.addresses import addresses, host_of
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0163",
    "externalcontrolplane.ExternalControlPlaneAnalyzer",
    level=Level.WARNING,
    reads={res.VALIDATING, res.MUTATING},
    message=(
        "The hostname ({url}) that was provided for the webhook ({hook}) to reach the ingress gateway on the external "
        "control plane cluster {problem}. Traffic may not flow properly."
    ),
)
def invalid_external_control_plane(mesh: Mesh) -> Iterator[Hit]:
    """A webhook of Istio's calls neither a Service nor an address that can be read.

    ## Why it matters
    The API server cannot reach the control plane: pods are not injected, or not created, and Istio's objects cannot be
    written.

    ## What to do
    Set `clientConfig.url` of the webhook to the address of the external control plane's gateway, or install again with
    `values.istiodRemote.injectionURL` or `injectionPath`.
    """
    for one in addresses(mesh):
        if one.url is None and not one.service:
            yield Hit(one.config, {"url": "", "hook": one.hook, "problem": "is blank"}, one.place, "no url, no service")
        elif one.url is not None and host_of(one.url) is None:
            values = {"url": one.url, "hook": one.hook, "problem": "was provided in an invalid format"}
            yield Hit(one.config, values, f"{one.place}/url", f"url: {one.url}")
