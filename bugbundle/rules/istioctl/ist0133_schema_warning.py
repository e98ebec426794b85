"""IST0133: an object is valid, and Istio warns about something in it."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.validation import warnings
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0133",
    "schema.ValidationAnalyzer.EnvoyFilter",
    level=Level.WARNING,
    reads=set(),
    optional={
        res.ENVOY_FILTER,
        res.AUTHORIZATION_POLICY,
        res.SERVICE_ENTRY,
        res.GATEWAY,
        res.PEER_AUTHENTICATION,
        res.REQUEST_AUTHENTICATION,
        res.TELEMETRY,
        res.WASM_PLUGIN,
    },
    message="Schema validation warning: {error}",
)
def schema_warning(mesh: Mesh) -> Iterator[Hit]:
    """An object is valid, and Istio warns about something in it.

    ## Why it matters
    The warning says what may go wrong.

    ## What to do
    Follow the message.
    """
    for item, place, text in warnings(mesh):
        yield Hit(item, {"error": text}, place, str(item))
