"""BB811: an autoscaler would like more replicas than it may have."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB811",
    per=Mesh,
    level=Level.WARNING,
    reads={res.AUTOSCALER},
    message="HorizontalPodAutoscaler {name} is at its maximum of {most} replicas and wants more",
    diagnosis=False,
)
def autoscaler_at_maximum(mesh: Mesh) -> Iterator[Evidence]:
    """An autoscaler would like more replicas than it may have.

    ## Why it matters
    The workload runs at its limit; for istiod or a gateway that means slow pushes or slow requests.

    ## What to do
    Raise `maxReplicas`, or find out where the load comes from.
    """
    for item in mesh.kube.list(res.AUTOSCALER):
        most, now = item.spec.get("maxReplicas"), item.status.get("currentReplicas")
        limited = [
            (number, condition)
            for number, condition in enumerate(item.conditions())
            if condition.get("type") == "ScalingLimited" and condition.get("status") == "True"
        ]
        if not isinstance(most, int) or now != most:
            continue
        for number, condition in limited:
            if condition.get("reason") == "TooManyReplicas":
                target = as_dict(item.spec.get("scaleTargetRef"))
                yield Evidence(
                    ref(item),
                    {"name": name_of(item), "most": most},
                    objects=(Ref(as_text(target.get("kind")), item.namespace, as_text(target.get("name"))),),
                    proofs=(Proof(item.at(f"/status/conditions/{number}"), as_text(condition.get("message"))),),
                )
