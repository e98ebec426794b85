"""BB605: a pod runs without sidecar where it would be injected if it were made now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.injection.uninjected import Miss, misses, reason
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB605",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD, res.MUTATING},
    optional={res.REPLICA_SET},
    message="{pods} of {owner} without sidecar although namespace {space} injects: {reason}",
    explains={"IST0103"},
)
def pod_without_sidecar(mesh: Mesh) -> Iterator[Evidence]:
    """A pod runs without sidecar where it would be injected if it were made now.

    ## Why it matters
    It is outside of the mesh: STRICT servers refuse it, and policy and telemetry miss it.

    ## What to do
    Restart the workload (`kubectl rollout restart`).
    """
    groups: dict[Ref, list[Miss]] = defaultdict(list)
    for miss in misses(mesh):
        groups[workload(mesh, miss.pod)].append(miss)
    for owner, found in groups.items():
        first = found[0]
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "pods": some(len(found), "pod"),
                "space": first.namespace.name,
                "reason": reason(first),
            },
            objects=(ref(first.namespace), ref(first.hook.config), *(ref(miss.pod) for miss in found[:20])),
            proofs=(
                Proof(first.pod.at("/spec/containers"), f"{first.pod}: no istio-proxy"),
                Proof(first.namespace.at("/metadata/labels"), f"{first.namespace.labels}"),
            ),
            affects=tuple(pod_id(miss.pod) for miss in found),
            confidence=Confidence.LIKELY,
        )
