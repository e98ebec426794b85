"""BB152: istiod was restarted lately."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.trouble import statuses
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB152",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="istiod {pod} was restarted {restarts}, lately ({how})",
    explains={"BB101", "BB151", "BB153", "BB202", "BB203", "BB208", "BB553", "BB801"},
)
def istiod_restarting(mesh: Mesh) -> Iterator[Evidence]:
    """istiod was restarted lately.

    ## Why it matters
    Each restart closes the streams of its proxies; killed for memory it comes back and is killed again.

    ## What to do
    OOMKilled: raise its memory limit, or make less for it to do (discoverySelectors, Sidecar). Else read its
    previous log.
    """
    for pod in index(mesh).select({"app": "istiod"}):
        for one in statuses(pod):
            at = parse_time(one.last_end.get("finishedAt"))
            lately = bool(one.last_end) and not (mesh.now and at and mesh.now - at > timedelta(hours=1))
            killed = one.last_end.get("reason") == "OOMKilled"
            if one.container != "discovery" or not lately or not (killed or one.restarts >= 2):
                continue
            yield Evidence(
                ref(pod),
                {"pod": name_of(pod), "restarts": some(one.restarts, "time"), "how": one.how()},
                objects=(workload(mesh, pod),),
                proofs=(Proof(pod.at(one.place), one.how()),),
                level=Level.ERROR if killed else Level.WARNING,
                at=at,
            )
