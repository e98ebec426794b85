"""BB815: a gateway in use is scaled to zero."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.selectors import contains
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Evidence, Level, rule

NAME = "gateway.networking.k8s.io/gateway-name"


@rule(
    "BB815",
    per=Mesh,
    level=Level.ERROR,
    reads={res.DEPLOYMENT, res.POD},
    optional={res.GATEWAY, res.K8S_GATEWAY, res.SERVICE},
    message="{name} is scaled to zero, and it should serve {users}",
    explains={"BB503", "BB701", "BB704", "BB709", "IST0101", "IST0132", "IST0162", "IST0171"},
)
def gateway_scaled_to_zero(mesh: Mesh) -> Iterator[Evidence]:
    """A Deployment that Gateways select is scaled to zero.

    ## Why it matters
    Nothing listens where the Gateways say that traffic comes in.

    ## What to do
    `kubectl scale deployment`; look at who scaled it (an autoscaler with `minReplicas: 0`, GitOps).
    """
    for item in mesh.kube.list(res.DEPLOYMENT):
        template = as_dict(as_dict(item.spec.get("template")).get("metadata"))
        labels = texts(template.get("labels"))
        if item.spec.get("replicas") != 0 or not labels:
            continue
        users = list(gateways_on(mesh, labels, item.namespace))
        if not users:
            continue
        services = [
            ref(service)
            for service in index(mesh).services_in.get(item.namespace, [])
            if (wanted := texts(service.spec.get("selector"))) and contains(labels, wanted)
        ]
        names = ", ".join(str(ref(user)) for user in users[:3]) + (", …" if len(users) > 3 else "")
        yield Evidence(
            ref(item),
            {"name": str(ref(item)), "users": names},
            objects=(*(ref(user) for user in users), *services),
            proofs=(Proof(item.at("/spec/replicas"), "replicas: 0"), Proof(users[0].at("/spec"), str(ref(users[0])))),
            affects=tuple(str(service) for service in services),
        )


def gateways_on(mesh: Mesh, labels: dict[str, str], namespace: str) -> Iterator[KubeObject]:
    """The Gateways whose pods would carry the labels, where no other pod does."""
    for gateway in mesh.kube.list(res.GATEWAY):
        selector = texts(gateway.spec.get("selector"))
        if selector and contains(labels, selector) and not index(mesh).has(selector):
            yield gateway
    own = mesh.kube.get(res.K8S_GATEWAY, namespace, labels.get(NAME, "")) if NAME in labels else None
    if own is not None:
        yield own
