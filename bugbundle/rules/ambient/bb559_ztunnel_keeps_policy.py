"""BB559: a ztunnel enforces a policy that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Pointer, Ztunnel
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.ztunnels import lines
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule

CONVERTED = "istio_converted_static_"
"""What istiod makes of PeerAuthentications (pilot/pkg/serviceregistry/ambient/policies.go)."""

MADE = "converted_peer_authentication_"


@rule(
    "BB559",
    per=Ztunnel,
    level=Level.ERROR,
    reads={Source.ZTUNNEL_CONFIG_DUMP, res.AUTHORIZATION_POLICY},
    optional={Source.LOG},
    explains={"BB556", "BB557", "BB750"},
    message="{ztunnel} enforces AuthorizationPolicy {policy}, which does not exist any more{refused}",
)
def ztunnel_keeps_policy(ztunnel: Ztunnel) -> Iterator[Evidence]:
    """A ztunnel's config dump has a policy for which there is no AuthorizationPolicy in the cluster.

    ## Why it matters
    Connections are allowed or denied by rules that were deleted.

    ## What to do
    Restart the ztunnel pod, or istiod where all ztunnels have it: they ask for all policies anew. If it comes back,
    compare `istioctl ztunnel-config policies` with `kubectl get authorizationpolicies -A`.
    """
    kube = ztunnel.mesh.kube
    at = ztunnel.mesh.bundle.at(ztunnel.entry("config_dump.json"))
    for number, row in enumerate(dicts(ztunnel.config.get("policies"))):
        space, name = as_text(row.get("namespace")), as_text(row.get("name"))
        made = name.startswith((CONVERTED, MADE))
        if not name or made or kube.get(res.AUTHORIZATION_POLICY, space, name) or not _looked(ztunnel, space):
            continue
        refused = [line for line in lines(ztunnel, "policy") if at is None or line.at is None or line.at <= at]
        yield Evidence(
            ref(ztunnel),
            {
                "ztunnel": ztunnel.id,
                "policy": f"{space}/{name}",
                "refused": f"; {len(refused)} connections were refused by policy" if refused else "",
            },
            objects=(Ref("AuthorizationPolicy", space, name),),
            proofs=(
                Proof(Pointer(ztunnel.entry("config_dump.json"), f"/policies/{number}"), f"{space}/{name}"),
                *(line.proof for line in refused[-1:]),
            ),
            affects=(ztunnel.id,),
            confidence=Confidence.LIKELY,
        )


def _looked(ztunnel: Ztunnel, space: str) -> bool:
    """Whether the AuthorizationPolicies of that namespace were recorded."""
    entries = ztunnel.mesh.kube.entries(res.AUTHORIZATION_POLICY)
    return any("/namespaces/" not in path or f"/namespaces/{space}/" in path for path in entries)
