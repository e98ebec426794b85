"""A certificate for somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.certificates.identity import WORKLOAD, Held, held
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB405",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.ENVOY_CONFIG_DUMP, "pods"},
    explains={"BB750"},
    message="ServiceAccount {expected}: the certificate of {proxy} is for {spiffe}",
)
def identity_mismatch(mesh: Mesh) -> Iterator[Evidence]:
    """The SPIFFE identity in a proxy's certificate is not that of its pod's ServiceAccount.

    Not judged where it would hold for every proxy: then the names in the bundle were replaced, and certificates not.

    ## Why it matters
    Clients check the identity of the server (secure naming) and refuse the connection; AuthorizationPolicies judge the
    pod by the wrong name.

    ## What to do
    Restart the pod. If it stays, look at what issues its certificate (an external CA, certificates mounted as files).
    """
    groups: dict[tuple[str, str, str], list[Held]] = {}
    right = 0
    for one in held(mesh):
        pod = one.holder.pod
        if not isinstance(one.holder, Proxy) or one.name != WORKLOAD or pod is None or not one.spiffe:
            continue
        account = as_text(pod.spec.get("serviceAccountName")) or "default"
        if one.spiffe.endswith(f"/ns/{pod.namespace}/sa/{account}"):
            right += 1
        else:
            groups.setdefault((pod.namespace, account, one.spiffe), []).append(one)
    if not right and sum(map(len, groups.values())) > 1:
        return
    for (namespace, account, spiffe), members in groups.items():
        holders = [one.holder for one in members]
        owner = Ref("ServiceAccount", namespace, account)
        yield Evidence(
            origin=ref(holders[0]) if len(holders) == 1 else owner,
            values={
                "proxy": holders[0].id if len(holders) == 1 else f"{len(holders)} proxies ({holders[0].id}, …)",
                "expected": f"{namespace}/{account}",
                "spiffe": spiffe,
            },
            objects=(owner, *(ref(one) for one in holders[:200])),
            proofs=(Proof(members[0].pointer, spiffe),),
            affects=tuple(one.id for one in holders),
        )
