"""A ztunnel without a certificate for a pod of its node."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Pointer, Ztunnel
from bugbundle.mesh.config.ztunnels import lines
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB554",
    per=Ztunnel,
    level=Level.ERROR,
    reads={Source.ZTUNNEL_CONFIG_DUMP},
    optional={Source.LOG},
    explains={"BB555", "BB557", "BB750"},
    message="{ztunnel} has no certificate for {identity}: {state}{reason}",
)
def ztunnel_certificate(ztunnel: Ztunnel) -> Iterator[Evidence]:
    """A certificate in a ztunnel's config dump is in another state than Available.

    ## Why it matters
    The pods of that ServiceAccount on the node can neither open nor take mTLS connections.

    ## What to do
    Look at istiod's log (`impersonation failed for identity`, CSR errors) and at ztunnel's (`certificate fetch
    failed`).
    """
    for number, row in enumerate(dicts(ztunnel.config.get("certificates"))):
        state, identity = as_text(row.get("state")), as_text(row.get("identity"))
        if state in ("", "Available", "Initializing"):
            continue
        parts = identity.split("/")
        said = [line for line in lines(ztunnel, "fetch", "signing") if identity in line.whole]
        yield Evidence(
            origin=ref(ztunnel),
            values={
                "ztunnel": ztunnel.id,
                "identity": identity,
                "state": clip(state, 200),
                "reason": f" ({said[-1].said})" if said and not _same(state, said[-1].whole) else "",
            },
            objects=(Ref("ServiceAccount", parts[4], parts[6]),) if len(parts) == 7 else (),
            proofs=(
                Proof(Pointer(ztunnel.entry("config_dump.json"), f"/certificates/{number}/state"), clip(state, 200)),
                *(line.proof for line in said[-1:]),
            ),
            affects=(ztunnel.id,),
        )


def _same(state: str, line: str) -> bool:
    """Whether a line of the log says what the certificate's state says already."""
    return state.removeprefix("Unavailable: ")[:60] in line
