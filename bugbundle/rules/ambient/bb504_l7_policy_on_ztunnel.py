"""BB504: a policy with L7 rules is bound to ztunnel, which knows only L4."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.config.policies import http_attributes
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import alive, captured, index, pod_id
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB504",
    per=Mesh,
    level=Level.WARNING,
    reads={res.AUTHORIZATION_POLICY, res.POD},
    optional={res.CONFIG_MAP},
    explains={"BB556", "BB750"},
    message=(
        "AuthorizationPolicy {policy} ({action} by {attributes}) applies to {pods} "
        "through ztunnel, which cannot judge HTTP"
    ),
)
def l7_policy_on_ztunnel(mesh: Mesh) -> Iterator[Evidence]:
    """A policy with L7 rules is bound to ztunnel, which knows only L4.

    ## Why it matters
    ztunnel leaves HTTP attributes out: of an ALLOW policy whole rules fall away (more is denied), a DENY
    policy denies without them (more is denied too), and its authors expect something else.

    ## What to do
    Bind the policy to the waypoint: `targetRefs` with the Service or the waypoint's Gateway, in place of
    `selector`.
    """
    for policy in mesh.kube.list(res.AUTHORIZATION_POLICY):
        if policy.spec.get("targetRef") or policy.spec.get("targetRefs"):
            continue
        attributes = sorted(http_attributes(policy))
        wanted = workload_selector(policy.spec) or {}
        space = "" if policy.namespace == root_namespace(mesh) else policy.namespace
        pods = [pod for pod in index(mesh).select(wanted, space) if captured(pod) and alive(pod)] if attributes else []
        if not pods:
            continue
        action = as_text(policy.spec.get("action")) or "ALLOW"
        yield Evidence(
            ref(policy),
            {
                "policy": name_of(policy),
                "action": action,
                "attributes": ", ".join(attributes),
                "pods": some(len(pods), "ambient pod"),
            },
            objects=tuple(ref(pod) for pod in pods[:20]),
            proofs=(
                Proof(policy.at("/spec/rules"), f"{action} by {', '.join(attributes)}"),
                *(
                    Proof(policy.at(f"/status/conditions/{number}"), as_text(condition.get("message")))
                    for number, condition in enumerate(policy.conditions())
                    if condition.get("reason") == "UnsupportedValue"
                ),
            ),
            affects=tuple(pod_id(pod) for pod in pods),
        )
