"""IST0167: a Sidecar applies to ambient workloads, which have none."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.injection import ambient_namespace
from bugbundle.mesh.selectors import selector_text, workload_selector
from bugbundle.mesh.workloads.index import captured, index
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0167",
    "sidecar.SelectorAnalyzer",
    level=Level.WARNING,
    reads={res.SIDECAR, res.POD, res.NAMESPACE},
    message="The policy has no impact: {reason}.",
)
def ineffective_policy(mesh: Mesh) -> Iterator[Hit]:
    """A Sidecar applies to ambient workloads, which have none.

    ## Why it matters
    It does nothing.

    ## What to do
    Take it out, or take the workloads out of ambient.
    """
    for item in analysed(mesh, res.SIDECAR):
        wanted = workload_selector(item.spec, "workloadSelector")
        if wanted is None:
            if ambient_namespace(index(mesh).labels_of(item.namespace)):
                reason = "namespace is in ambient mode, the policy has no impact"
                yield Hit(item, {"reason": reason}, "/spec", "no selector")
        elif any(captured(pod) for pod in index(mesh).select(wanted, item.namespace)):
            reason = "selected workload is in ambient mode, the policy has no impact"
            yield Hit(item, {"reason": reason}, "/spec/workloadSelector", selector_text(wanted))
