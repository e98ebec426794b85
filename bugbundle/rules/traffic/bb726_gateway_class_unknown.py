"""BB726: a Gateway of the Gateway API has a class that is not there."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB726",
    per=Mesh,
    level=Level.ERROR,
    reads={res.K8S_GATEWAY, res.GATEWAY_CLASS},
    explains={"BB501", "BB503", "BB709", "BB724", "BB750"},
    message="Gateway {gateway} has the class {name}, which does not exist{known}: no controller takes it",
)
def gateway_class_unknown(mesh: Mesh) -> Iterator[Evidence]:
    """A Gateway's `gatewayClassName` names no GatewayClass.

    ## Why it matters
    Nobody makes pods, a Service or listeners for it; its conditions stay «Waiting for controller», and every route that
    is bound to it is served nowhere.

    ## What to do
    Correct the name (Istio's own are `istio`, `istio-waypoint`, `istio-remote`, `istio-east-west`), or create it.
    """
    classes = {item.name for item in mesh.kube.list(res.GATEWAY_CLASS)}
    for item in mesh.kube.list(res.K8S_GATEWAY):
        name = as_text(item.spec.get("gatewayClassName"))
        if name and name not in classes:
            shown = Proof(item.at("/spec/gatewayClassName"), f"gatewayClassName: {name}")
            known = f" (there are {', '.join(sorted(classes)[:6])})" if classes else ""
            yield Evidence(ref(item), {"gateway": name_of(item), "name": name, "known": known}, proofs=(shown,))
