"""BB615: an init container of the application has no network yet."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import NETWORK, Line, log
from bugbundle.mesh.workloads.index import alive, pod_id
from bugbundle.mesh.workloads.trouble import Trouble, by_workload, statuses
from bugbundle.rules.injection.sidecars import beside, init_containers_behind
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB615",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD, Source.LOG},
    optional={res.REPLICA_SET},
    message=(
        "init container {container} of {owner} fails in {pods}: its traffic is redirected to a proxy that has not "
        "started yet; it says: {said}"
    ),
    explains={"BB306", "BB704", "BB801"},
)
def init_without_network(mesh: Mesh) -> Iterator[Evidence]:
    """An init container of the application has no network yet.

    It runs behind `istio-init` (or with istio-cni, which redirects from the start), and the sidecar is an ordinary
    container, which starts only after all init containers.

    ## Why it matters
    The pod never starts.

    ## What to do
    Use native sidecars (`ENABLE_NATIVE_SIDECARS=true`); else let the init container run as user 1337, or exclude its
    destinations by `traffic.sidecar.istio.io/excludeOutboundIPRanges` or `excludeOutboundPorts`.
    """
    found = [
        one
        for pod in mesh.kube.list(res.POD)
        if alive(pod) and beside(pod)
        for one in statuses(pod)
        if one.container in init_containers_behind(pod) and not one.status.get("ready") and one.last_end.get("exitCode")
    ]
    for (owner, container), group in by_workload(mesh, found).items():
        told = next((line for one in group if (line := last_words(mesh, one))), None)
        if told is None:
            continue
        yield Evidence(
            owner,
            {"owner": str(owner), "container": container, "pods": some(len(group), "pod"), "said": told.said},
            objects=tuple(ref(one.pod) for one in group[:20]),
            proofs=(told.proof, *(Proof(one.pod.at(one.place), f"{one.pod}: {one.how()}") for one in group[:3])),
            affects=tuple(pod_id(one.pod) for one in group),
            confidence=Confidence.LIKELY,
        )


def last_words(mesh: Mesh, one: Trouble) -> Line | None:
    """The last line of its log that tells of a connection that failed."""
    found = log(mesh, one.pod.namespace, one.pod.name, one.container, NETWORK)
    return found.last(*NETWORK) if found else None
