"""A certificate for somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kube import as_text
from bugbundle.rules.lib.identity import WORKLOAD, held
from bugbundle.rules.model import Evidence, Level, Proof, Ref, ref, rule


@rule(
    "BB405",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.ENVOY_CONFIG_DUMP, "pods"},
    explains={"BB750"},
    message="{proxy} runs as ServiceAccount {expected} and holds a certificate for {spiffe}",
)
def identity_mismatch(mesh: Mesh) -> Iterator[Evidence]:
    """The SPIFFE identity in a proxy's certificate is not that of its pod's ServiceAccount.

    ## Why it matters
    Clients check the identity of the server (secure naming) and refuse the connection; AuthorizationPolicies judge the
    pod by the wrong name.

    ## What to do
    Restart the pod. If it stays, look at what issues its certificate (an external CA, certificates mounted as files).
    """
    for one in held(mesh):
        pod = one.holder.pod
        if not isinstance(one.holder, Proxy) or one.name != WORKLOAD or pod is None or not one.spiffe:
            continue
        account = as_text(pod.spec.get("serviceAccountName")) or "default"
        if one.spiffe.endswith(f"/ns/{pod.namespace}/sa/{account}"):
            continue
        yield Evidence(
            origin=ref(one.holder),
            values={"proxy": one.holder.id, "expected": f"{pod.namespace}/{account}", "spiffe": one.spiffe},
            objects=(Ref("ServiceAccount", pod.namespace, account),),
            proofs=(Proof(one.pointer, one.spiffe),),
            affects=(one.holder.id,),
        )
