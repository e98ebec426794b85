"""A ztunnel that no istiod knows."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Pointer, Ztunnel
from bugbundle.mesh.config.ztunnels import lines
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.parts import container_statuses
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import ready
from bugbundle.mesh.workloads.pod_age import finished, seconds
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule

SETTLING = 30.0


@rule(
    "BB553",
    per=Ztunnel,
    level=Level.ERROR,
    reads={Source.ISTIOD_SYNCZ, "pods"},
    optional={Source.LOG},
    explains={"BB550", "BB551", "BB557"},
    message="{ztunnel} has no connection to any istiod: node {node} runs on old configuration{reason}",
)
def ztunnel_not_connected(ztunnel: Ztunnel) -> Iterator[Evidence | Blind]:
    """A ztunnel's pod runs, and no replica of istiod lists it in debug/syncz. Not judged where one could not be asked.

    ## Why it matters
    The pods of its node get no new endpoints, policies or certificates.

    ## What to do
    Look at the path from the node to istiod's port 15012, and at the lines of its log that are quoted here.
    """
    pod = ztunnel.pod
    if pod is None or finished(pod) or pod.status.get("phase") != "Running" or not runs(pod):
        return
    blind = [one for one in ztunnel.mesh.istiods if not one.has("debug/syncz.json")]
    if blind:
        yield Blind(ztunnel.id, tuple(one.gap("debug/syncz.json").text for one in blind))
        return
    age = seconds(ztunnel.mesh.now, pod.created)
    if not ztunnel.mesh.istiods or ztunnel.mesh.istiods_of(ztunnel.id) or (age is not None and age < SETTLING):
        return
    said = lines(ztunnel, "xds", "xds_connection", "grpc")
    yield Evidence(
        origin=ref(ztunnel),
        values={
            "ztunnel": ztunnel.id,
            "node": ztunnel.node_name,
            "reason": f"; it says: {said[-1].said}" if said else "",
        },
        objects=tuple(Ref("Service", one.namespace, "istiod") for one in ztunnel.mesh.istiods[:1]),
        proofs=(
            *(
                Proof(Pointer(one.entry("debug/syncz.json")), f"{len(one.syncz)} proxies, not {ztunnel.id}")
                for one in ztunnel.mesh.istiods
            ),
            *(line.proof for line in said[-1:]),
        ),
        affects=(ztunnel.id,),
        confidence=Confidence.CERTAIN if said or not ready(pod) else Confidence.LIKELY,
    )


def runs(pod: KubeObject) -> bool:
    """Whether its container runs, or nothing is said of it; one that waits cannot be connected (BB511)."""
    found = [as_dict(status.get("state")) for status in container_statuses(pod)]
    return not found or any("running" in state for state in found)
