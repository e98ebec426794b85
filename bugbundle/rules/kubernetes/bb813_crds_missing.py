"""BB813: kinds of Istio are not installed, or not in a version that istiod reads."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

WANTED = (
    res.VIRTUAL_SERVICE,
    res.DESTINATION_RULE,
    res.GATEWAY,
    res.SERVICE_ENTRY,
    res.SIDECAR,
    res.ENVOY_FILTER,
    res.PEER_AUTHENTICATION,
    res.REQUEST_AUTHENTICATION,
    res.AUTHORIZATION_POLICY,
    res.TELEMETRY,
    res.WASM_PLUGIN,
    res.WORKLOAD_ENTRY,
)
"""What every supported istiod watches."""


@rule(
    "BB813",
    per=Mesh,
    level=Level.ERROR,
    reads={res.CRD, res.POD},
    message="{kinds} of Istio not installed: {names}",
)
def crds_missing(mesh: Mesh) -> Iterator[Evidence]:
    """Kinds of Istio are not installed, or not in a version that istiod reads.

    ## Why it matters
    istiod waits for its kinds before it serves: objects of a missing kind cannot be made, and old istiods do
    not get ready.

    ## What to do
    Install the CRDs of the control plane's version (`istioctl install`, or the base chart).
    """
    found = {crd.name: crd for crd in mesh.kube.list(res.CRD)}
    missing = [name for name in WANTED if name not in found]
    if not missing or not index(mesh).select({"app": "istiod"}):
        return
    yield Evidence(
        Ref("CustomResourceDefinition", "", missing[0]),
        {"names": ", ".join(missing[:5]), "kinds": some(len(missing), "kind")},
        objects=tuple(Ref("CustomResourceDefinition", "", name) for name in missing),
        proofs=(Proof(Pointer(next(iter(mesh.kube.entries(res.CRD)), "bundle.json")), f"{len(found)} definitions"),),
    )
