"""BB153: the Service of istiod has no ready endpoint."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.webhook_trust import ready_endpoints
from bugbundle.mesh.kube import texts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.selectors import selector_text
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB153",
    per=Mesh,
    level=Level.ERROR,
    reads={res.SERVICE},
    optional={res.POD, res.ENDPOINT_SLICE},
    message="Service {name} of istiod ({selector}) has no ready endpoint",
    explains={"BB101", "BB203", "BB306", "BB410", "BB553", "BB602", "BB605", "BB610", "BB611", "BB701", "BB704"},
)
def istiod_service_without_endpoints(mesh: Mesh) -> Iterator[Evidence]:
    """The Service of istiod has no ready endpoint.

    ## Why it matters
    Proxies cannot connect, pods cannot be injected.

    ## What to do
    Bring istiod up; compare the Service's selector with its pods.
    """
    for service in mesh.kube.list(res.SERVICE):
        wanted = texts(service.spec.get("selector"))
        if wanted.get("app") != "istiod" or ready_endpoints(mesh, service.namespace, service.name) is not False:
            continue
        pods = index(mesh).select({"app": "istiod"}, service.namespace)
        if "istio.io/tag" in service.labels and not pods:
            continue
        yield Evidence(
            ref(service),
            {"name": name_of(service), "selector": selector_text(wanted)},
            objects=tuple(ref(pod) for pod in pods),
            proofs=(Proof(service.at("/spec/selector"), selector_text(wanted)),),
        )
