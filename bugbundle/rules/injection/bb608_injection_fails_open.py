"""BB608: an injection webhook ignores its failures, and pods came up without sidecar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.injection.uninjected import Miss, misses
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB608",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD, res.MUTATING},
    optional={res.REPLICA_SET},
    message=("webhook configuration {name} has failurePolicy Ignore, and {pods} that it takes came up without sidecar"),
    explains={"BB605"},
)
def injection_fails_open(mesh: Mesh) -> Iterator[Evidence]:
    """An injection webhook ignores its failures, and pods came up without sidecar.

    ## Why it matters
    With failurePolicy Ignore a pod that could not be injected starts all the same, outside of the mesh.

    ## What to do
    Set failurePolicy to Fail, and restart the pods.
    """
    groups: dict[Ref, list[Miss]] = defaultdict(list)
    for miss in misses(mesh):
        if miss.hook.raw.get("failurePolicy") == "Ignore":
            groups[ref(miss.hook.config)].append(miss)
    for config, found in groups.items():
        yield Evidence(
            config,
            {"name": config.name, "pods": some(len(found), "pod")},
            objects=tuple(dict.fromkeys(workload(mesh, miss.pod) for miss in found)),
            proofs=(Proof(found[0].hook.config.at(f"{found[0].hook.place}/failurePolicy"), "Ignore"),),
            affects=tuple(pod_id(miss.pod) for miss in found),
        )
