"""BB505: a policy is bound by `targetRefs` to an object that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.policies import TARGETS, target_refs
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB505",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={
        res.AUTHORIZATION_POLICY,
        res.REQUEST_AUTHENTICATION,
        res.TELEMETRY,
        res.WASM_PLUGIN,
        res.SERVICE,
        res.SERVICE_ENTRY,
        res.K8S_GATEWAY,
        res.GATEWAY_CLASS,
    },
    message="{policy} is bound to {target}, which does not exist: it is applied nowhere",
    explains={"IST0171"},
)
def policy_target_missing(mesh: Mesh) -> Iterator[Evidence]:
    """A policy is bound by `targetRefs` to an object that does not exist.

    ## Why it matters
    It is applied nowhere: what it should deny is allowed, what it should configure is not.

    ## What to do
    Correct the reference, or create what it names, in the policy's own namespace.
    """
    for resource in (res.AUTHORIZATION_POLICY, res.REQUEST_AUTHENTICATION, res.TELEMETRY, res.WASM_PLUGIN):
        for policy in mesh.kube.list(resource):
            for place, target in target_refs(policy):
                kind, name = as_text(target.get("kind")), as_text(target.get("name"))
                where = TARGETS.get(kind)
                if where is None or not mesh.kube.recorded(where):
                    continue
                space = "" if kind == "GatewayClass" else as_text(target.get("namespace")) or policy.namespace
                if mesh.kube.get(where, space, name) is None:
                    yield Evidence(
                        ref(policy),
                        {"policy": str(policy), "target": str(Ref(kind, space, name))},
                        objects=(Ref(kind, space, name),),
                        proofs=(Proof(policy.at(place), f"{kind} {name}"),),
                    )
