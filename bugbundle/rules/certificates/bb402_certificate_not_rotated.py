"""A certificate near its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.certificates.identity import WORKLOAD, Held, held, secret_ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule

SHARE = 0.2
"""Of its lifetime; the agent and ztunnel renew at about half of it (SECRET_GRACE_PERIOD_RATIO)."""

GATEWAY = timedelta(days=14)
"""For certificates that people or cert-manager renew."""


@rule(
    "BB402",
    per=Mesh,
    level=Level.WARNING,
    reads=set(),
    optional={Source.ENVOY_CONFIG_DUMP, Source.ZTUNNEL_CONFIG_DUMP},
    message="certificate {name} of {holder} has {left} left of {life}{late}",
)
def certificate_not_rotated(mesh: Mesh) -> Iterator[Evidence]:
    """Less than a fifth of a certificate's lifetime is left.

    ## Why it matters
    A workload certificate is renewed at half of its life. With less than a fifth left, renewing has failed several
    times, and traffic stops when it ends.

    ## What to do
    Workload certificate: look at the proxy's log (`failed to sign`) and at its connection to istiod. Gateway
    certificate: renew the Secret.
    """
    for one in held(mesh):
        if not one.chain or one.at is None:
            continue
        leaf = one.chain[0]
        life, left = leaf.not_after - leaf.not_before, leaf.not_after - one.at
        own = _own(one)
        if left <= timedelta(0) or left >= SHARE * life or (not own and left > GATEWAY):
            continue
        secret = secret_ref(one.name, one.holder.namespace)
        yield Evidence(
            origin=secret or ref(one.holder),
            values={
                "name": one.name,
                "holder": one.holder.id,
                "left": span(left.total_seconds()),
                "life": span(life.total_seconds()),
                "late": "; istiod renews at half of it" if own else "",
            },
            objects=(ref(one.holder),),
            proofs=(Proof(one.pointer, f"valid to {leaf.not_after:%Y-%m-%dT%H:%M:%SZ}"),),
            affects=(one.holder.id,),
            confidence=Confidence.CERTAIN,
        )


def _own(one: Held) -> bool:
    """Whether Istio itself renews it."""
    return one.name == WORKLOAD or one.name.startswith("spiffe://")
