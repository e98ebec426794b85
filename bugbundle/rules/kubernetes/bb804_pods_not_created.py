"""BB804: a workload's pods cannot be created."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import ref
from bugbundle.mesh.workloads.refusals import because_of_sidecar, failing_hook, refused
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB804",
    per=Mesh,
    level=Level.ERROR,
    reads={res.REPLICA_SET},
    optional={res.EVENT, res.DEPLOYMENT, res.STATEFUL_SET},
    message="{owner} cannot create pods: {text}",
    explains={"BB101", "BB151", "BB153", "BB302", "BB503", "BB511", "BB512", "BB701", "BB704"},
)
def pods_not_created(mesh: Mesh) -> Iterator[Evidence]:
    """A workload's pods cannot be created.

    ## Why it matters
    It has fewer pods than it should, perhaps none.

    ## What to do
    Read the reason: quota, admission, service account, security policy.
    """
    for owner, item, proof, text in refused(mesh):
        if "istio.io" in failing_hook(text) or because_of_sidecar(text):
            continue
        yield Evidence(
            owner,
            {"owner": str(owner), "text": clip(text)},
            objects=(ref(item),),
            proofs=(proof,),
            affects=(f"{owner.name}.{owner.namespace}",),
        )
