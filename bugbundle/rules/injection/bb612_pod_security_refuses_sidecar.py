"""BB612: pods are refused because of what injection adds to them."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.workloads.refusals import because_of_sidecar, refused
from bugbundle.rules.lib.refusals import blind
from bugbundle.rules.model import Blind, Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB612",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={res.REPLICA_SET, res.EVENT, res.DEPLOYMENT, res.STATEFUL_SET, "daemonsets.apps", "jobs.batch"},
    message="{owner} cannot create pods: the cluster's security policy refuses Istio's own containers: {text}",
    explains={"BB302", "BB503", "BB701", "BB704"},
)
def pod_security_refuses_sidecar(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """Pods are refused because of what injection adds to them.

    PodSecurity, OpenShift's security context constraints or another admission webhook names `istio-init` or
    `istio-proxy`: without istio-cni the init container asks for NET_ADMIN and NET_RAW, and for root.

    ## Why it matters
    The workload has fewer pods than it should, perhaps none; without injection they would be admitted.

    ## What to do
    Install istio-cni (`--set components.cni.enabled=true`; on OpenShift `--set global.platform=openshift`): the init
    container then needs no capability. Else set the namespace's `pod-security.kubernetes.io/enforce` to `privileged`.
    """
    yield from blind(mesh)
    for owner, item, proof, text in refused(mesh):
        if because_of_sidecar(text):
            yield Evidence(
                owner,
                {"owner": str(owner), "text": clip(text)},
                objects=(ref(item), Ref("Namespace", "", owner.namespace)),
                proofs=(proof,),
                affects=(f"{owner.name}.{owner.namespace}",),
            )
