"""A certificate outside of its lifetime."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.certificates.identity import Held, held, secret_ref
from bugbundle.rules.model import Evidence, Level, rule

SKEW = timedelta(seconds=5)
"""Clocks of a healthy cluster differ by less."""


@rule(
    "BB401",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={Source.ENVOY_CONFIG_DUMP, Source.ZTUNNEL_CONFIG_DUMP},
    explains={"BB404", "BB750", "BB203", "BB202"},
    message="certificate {name} of {holders} {state}",
)
def certificate_expired(mesh: Mesh) -> Iterator[Evidence]:
    """A certificate that a proxy uses had expired, or was not valid yet, when the proxy was recorded.

    ## Why it matters
    Peers refuse the handshake: 503 with UF and CERTIFICATE_VERIFY_FAILED or «certificate expired».

    ## What to do
    Workload certificate: the agent could not renew it; look at its log (`failed to sign`) and at its connection to
    istiod. Not valid yet: compare the clocks of the nodes. Gateway certificate: renew the Secret.
    """
    groups: dict[tuple[str, bool], list[tuple[Held, str]]] = {}
    for one in held(mesh):
        state = _state(one)
        if state:
            groups.setdefault((one.name, state.startswith("expired")), []).append((one, state))
    for members in groups.values():
        first, state = members[0]
        holders = list(dict.fromkeys(one.holder for one, _ in members))
        secret = secret_ref(first.name, first.holder.namespace)
        certificate = (first.chain or first.roots)[0]
        yield Evidence(
            origin=secret or (ref(first.holder) if len(holders) == 1 else Ref("Mesh", "", "certificates")),
            values={
                "name": first.name,
                "holders": first.holder.id if len(holders) == 1 else f"{len(holders)} proxies ({first.holder.id}, …)",
                "state": state,
            },
            objects=tuple(ref(one) for one in holders[:200]) + _pods(first),
            proofs=(
                Proof(
                    first.pointer,
                    f"valid {certificate.not_before:%Y-%m-%dT%H:%M:%SZ} to {certificate.not_after:%Y-%m-%dT%H:%M:%SZ}",
                ),
            ),
            affects=tuple(one.id for one in holders),
        )


def _state(one: Held) -> str:
    for certificate in one.chain or one.roots:
        if one.at is None:
            return ""
        if one.chain and certificate.not_before - one.at > SKEW:
            return f"becomes valid {span((certificate.not_before - one.at).total_seconds())} after it was recorded"
        if certificate.not_after <= one.at and (one.chain or len(one.roots) == 1):
            return f"expired {span((one.at - certificate.not_after).total_seconds())} before it was recorded"
    return ""


def _pods(one: Held) -> tuple[Ref, ...]:
    """The ServiceAccount of an identity that a ztunnel holds."""
    parts = one.spiffe.split("/")
    return (Ref("ServiceAccount", parts[4], parts[6]),) if len(parts) == 7 else ()
