"""BB151: a Deployment of istiod has fewer available replicas than it should."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB151",
    per=Mesh,
    level=Level.ERROR,
    reads={res.DEPLOYMENT},
    optional={res.POD, res.SERVICE},
    message="istiod {name} {state}",
    explains={
        "BB101",
        "BB102",
        "BB153",
        "BB202",
        "BB203",
        "BB208",
        "BB305",
        "BB306",
        "BB401",
        "BB402",
        "BB410",
        "BB553",
        "BB602",
        "BB605",
        "BB610",
        "BB611",
        "BB701",
        "BB704",
    },
)
def istiod_unavailable(mesh: Mesh) -> Iterator[Evidence]:
    """A Deployment of istiod has fewer available replicas than it should.

    ## Why it matters
    Without istiod no proxy starts, none gets changes, no pod is injected, no certificate renewed; what runs
    keeps running on what it has.

    ## What to do
    Look at its pods: events, previous log, resources.
    """
    for item in mesh.kube.list(res.DEPLOYMENT):
        labels = texts(as_dict(as_dict(item.spec.get("template")).get("metadata")).get("labels"))
        if labels.get("app") != "istiod":
            continue
        wanted = item.spec.get("replicas", 1)
        there = item.status.get("availableReplicas", 0)
        if not isinstance(wanted, int) or not isinstance(there, int) or (there >= wanted and wanted > 0):
            continue
        pods = index(mesh).select({"app": "istiod"}, item.namespace)
        services = [ref(service) for pod in pods for service in index(mesh).services_of(pod)]
        yield Evidence(
            ref(item),
            {
                "name": name_of(item),
                "state": f"has {there} of {wanted} replicas available" if wanted else "is scaled to no replicas",
            },
            objects=(*dict.fromkeys(services), Ref("Service", item.namespace, item.name), *(ref(pod) for pod in pods)),
            proofs=(Proof(item.at("/status"), f"availableReplicas: {there}, replicas: {wanted}"),),
            level=Level.WARNING if there else Level.ERROR,
        )
