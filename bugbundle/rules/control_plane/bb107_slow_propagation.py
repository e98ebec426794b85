"""Changes that take long to reach the proxies."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.metrics import quantile, total
from bugbundle.rules.model import Confidence, Evidence, Level, rule

METRIC = "pilot_proxy_convergence_time"
SLOW_SECONDS = 10.0
FEWEST = 100
"""Pushes; fewer tell nothing."""


@rule(
    "BB107",
    per=Istiod,
    level=Level.WARNING,
    reads={Source.ISTIOD_METRICS},
    diagnosis=False,
    explains={"BB202"},
    message="{istiod}: 1 % of changes took longer than {seconds} s to reach the proxies",
)
def slow_propagation(istiod: Istiod) -> Iterator[Evidence]:
    """The 99th percentile of `pilot_proxy_convergence_time` is above ten seconds, since istiod started.

    ## Why it matters
    For that long proxies send to endpoints that are gone.

    ## What to do
    Give istiod CPU, or send less to each proxy: Sidecar resources, `exportTo`, discoverySelectors.
    """
    text = istiod.text("metrics.txt")
    found = quantile(text, METRIC, 0.99)
    count = total(text, f"{METRIC}_count")
    if found is None or found <= SLOW_SECONDS or count < FEWEST:
        return
    shown = "30" if math.isinf(found) else f"{found:g}"
    yield Evidence(
        origin=ref(istiod),
        values={"istiod": istiod.id, "seconds": shown},
        proofs=(Proof(Pointer(istiod.entry("metrics.txt")), f"{METRIC}: p99 > {SLOW_SECONDS:g} s of {count:.0f}"),),
        confidence=Confidence.LIKELY,
    )
