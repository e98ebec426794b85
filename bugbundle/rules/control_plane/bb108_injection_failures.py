"""istiod's own count of failed injections and refused objects."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.metrics import samples
from bugbundle.rules.model import Confidence, Evidence, Level, rule

METRICS = {
    "sidecar_injection_failure_total": "injections failed",
    "galley_validation_http_error": "requests of the validation webhook failed",
    "galley_validation_config_update_error": "updates of the validation webhook's configuration failed",
}


@rule(
    "BB108",
    per=Istiod,
    level=Level.INFO,
    reads={Source.ISTIOD_METRICS},
    diagnosis=False,
    message="{istiod}: {count} {what} since it started",
)
def injection_failures(istiod: Istiod) -> Iterator[Evidence]:
    """istiod counts injections or validations that failed since it started.

    ## Why it matters
    A counter tells of the past: pods that could not be created then, or that run without a sidecar.

    ## What to do
    Look for the reason in istiod's log and in the events of ReplicaSets; if the count grows in the next recording, it
    goes on.
    """
    text = istiod.text("metrics.txt")
    for metric, what in METRICS.items():
        found = [one for one in samples(text, metric) if one.value > 0]
        if found:
            count = f"{sum(one.value for one in found):.0f}"
            yield Evidence(
                origin=ref(istiod),
                values={"istiod": istiod.id, "count": count, "what": what},
                proofs=(Proof(Pointer(istiod.entry("metrics.txt"), f"line {found[0].line}"), f"{metric} {count}"),),
                confidence=Confidence.LIKELY,
            )
