"""BB713: an AuthorizationPolicy allows nothing, and requests are being denied."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import contains, workload_selector
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import alive, index, meshed, pod_id
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB713",
    per=Mesh,
    level=Level.ERROR,
    reads={res.AUTHORIZATION_POLICY, res.POD},
    optional={Source.LOG, res.CONFIG_MAP},
    message="AuthorizationPolicy {policy} has no rules: it denies every request to {pods} that no "
    "other policy opens{seen}",
    explains={"BB556", "BB750"},
)
def policy_denies_all(mesh: Mesh) -> Iterator[Evidence]:
    """An AuthorizationPolicy allows nothing, and requests are being denied.

    ## Why it matters
    An ALLOW policy without rules denies every request to what it selects (403, «RBAC: access denied»). It is
    a common base for «deny by default», so it counts only where denials are seen and nothing else allows.

    ## What to do
    Add rules that allow what is needed, in this policy or in another that selects the same workloads.
    """
    root = root_namespace(mesh)
    policies = mesh.kube.list(res.AUTHORIZATION_POLICY)
    for policy in policies:
        if policy.spec.get("action", "ALLOW") != "ALLOW" or dicts(policy.spec.get("rules")):
            continue
        wanted = workload_selector(policy.spec) or {}
        space = "" if policy.namespace == root else policy.namespace
        pods = [pod for pod in index(mesh).select(wanted, space) if meshed(pod) and alive(pod)]
        left = {pod_id(pod) for pod in pods if not allowed_elsewhere(policies, policy, pod, root)}
        if not left:
            continue
        denied = failures(mesh).denied(left)
        hit = sorted({fault.proxy.id for fault in denied})
        yield Evidence(
            ref(policy),
            {
                "policy": name_of(policy),
                "pods": some(len(left), "pod"),
                "seen": f"; {some(times(denied), 'request')} to {', '.join(hit[:3])} denied in the last hour"
                if denied
                else "",
            },
            objects=tuple(Ref("Pod", one.partition(".")[2], one.partition(".")[0]) for one in hit[:20]),
            proofs=(Proof(policy.at("/spec"), "action ALLOW without rules"), *(proof(fault) for fault in denied[-3:])),
            affects=tuple(hit),
            level=Level.ERROR if denied else Level.INFO,
            confidence=Confidence.LIKELY,
        )


def allowed_elsewhere(policies: list[KubeObject], own: KubeObject, pod: KubeObject, root: str) -> bool:
    """Whether another ALLOW policy with rules selects the pod."""
    return any(
        other is not own
        and other.spec.get("action", "ALLOW") == "ALLOW"
        and dicts(other.spec.get("rules"))
        and other.namespace in (pod.namespace, root)
        and contains(pod.labels, workload_selector(other.spec) or {})
        for other in policies
    )
