"""BB777: a patch of an EnvoyFilter matches nothing in any proxy that it selects."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import Reason
from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.rules.effect.told import EXPLAINS, MESSAGE, OPTIONAL, told
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB777",
    per=Mesh,
    level=Level.WARNING,
    reads={res.ENVOY_FILTER, Source.ENVOY_CONFIG_DUMP},
    optional=OPTIONAL,
    explains=EXPLAINS,
    message=MESSAGE,
)
def envoy_filter_matches_nothing(mesh: Mesh) -> Iterator[Evidence]:
    """A patch of an EnvoyFilter matches nothing in any proxy that it selects.

    ## Why it matters
    A patch that finds nothing to change is dropped without a word: what it adds (a limit, a header, a filter that
    checks) is not there. Names of filters, ports and routes change with Envoy and Istio.

    ## What to do
    Compare the match with what the proxies have: listener, port, filter chain, filter, sub-filter, route, cluster.
    """
    yield from told(mesh, Reason.NO_MATCH)
