"""IST0106: an object breaks a rule of Istio's schema."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.validation import errors
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0106",
    "schema.ValidationAnalyzer.VirtualService",
    level=Level.ERROR,
    reads=set(),
    optional={
        res.VIRTUAL_SERVICE,
        res.DESTINATION_RULE,
        res.GATEWAY,
        res.SERVICE_ENTRY,
        res.SIDECAR,
        res.AUTHORIZATION_POLICY,
        res.ENVOY_FILTER,
        res.WORKLOAD_ENTRY,
        res.PEER_AUTHENTICATION,
        res.REQUEST_AUTHENTICATION,
    },
    message="Schema validation error: {error}",
    diagnosis=True,
)
def schema_error(mesh: Mesh) -> Iterator[Hit]:
    """An object breaks a rule of Istio's schema.

    ## Why it matters
    istiod ignores it, or parts of it. The validating webhook refuses such objects; one that got in is older,
    or the webhook was off.

    ## What to do
    Correct the object; look whether the validating webhook works.
    """
    for item, place, text in errors(mesh):
        yield Hit(item, {"error": text}, place, str(item))
