"""Objects that istiod left out, and conflicts that it settled."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.metrics import samples
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.rules.model import Confidence, Evidence, Level, rule

CONFLICTS = {
    "pilot_conflict_inbound_listener": "inbound listeners clash",
    "pilot_conflict_outbound_listener_http_over_current_tcp": "an HTTP service clashes with a TCP one on the same port",
    "pilot_conflict_outbound_listener_tcp_over_current_http": "a TCP service clashes with an HTTP one on the same port",
    "pilot_conflict_outbound_listener_tcp_over_current_tcp": "two TCP services clash on the same port",
    "pilot_vservice_dup_domain": "VirtualServices claim the same host",
    "pilot_duplicate_envoy_clusters": "two clusters have the same name",
    "pilot_destrule_subsets": "DestinationRules define a subset twice",
    "pilot_total_rejected_configs": "objects were rejected",
}
"""istiod's metrics of the present push (pilot/pkg/model/push_context.go); the names are in debug/push_status too."""


@rule(
    "BB104",
    per=Istiod,
    level=Level.INFO,
    reads={Source.ISTIOD_METRICS},
    optional={Source.ISTIOD_DEBUG},
    diagnosis=False,
    message="{istiod}: {what} ({metric} {value}{names})",
)
def rejected_configs(istiod: Istiod) -> Iterator[Evidence]:
    """istiod counts objects that it rejected, or conflicts in which one of two objects lost.

    ## Why it matters
    What lost has no effect, in all or in some proxies.

    ## What to do
    Read debug/push_status for the names, then merge or rename the objects.
    """
    text = istiod.text("metrics.txt")
    status = as_dict(istiod.json("debug/push_status.json"))
    for metric, what in CONFLICTS.items():
        found = [one for one in samples(text, metric) if one.value > 0]
        if not found:
            continue
        names = sorted(as_dict(status.get(metric)))
        services = tuple(one for name in names[:20] if (one := ClusterName(name).service))
        yield Evidence(
            origin=ref(istiod),
            values={
                "istiod": istiod.id,
                "what": what,
                "metric": metric,
                "value": f"{sum(one.value for one in found):.0f}",
                "names": f": {', '.join(names[:3])}" if names else "",
            },
            objects=services,
            proofs=(
                Proof(Pointer(istiod.entry("metrics.txt"), f"line {found[0].line}"), f"{metric} {found[0].value:.0f}"),
            ),
            confidence=Confidence.LIKELY,
        )
