"""BB714: a RequestAuthentication's keys cannot be used."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.rules.traffic.jwks import failed_fetches, judge


@rule(
    "BB714",
    per=Mesh,
    level=Level.ERROR,
    reads={res.REQUEST_AUTHENTICATION},
    optional={Source.LOG, res.POD},
    message="RequestAuthentication {policy} trusts issuer {issuer}, whose keys {problem}",
    explains={"BB103", "BB750"},
)
def jwks_problem(mesh: Mesh) -> Iterator[Evidence]:
    """A RequestAuthentication's keys cannot be used.

    ## Why it matters
    Without keys every token of that issuer is refused: 401, «Jwks doesn't have key to match kid or alg from
    Jwt».

    ## What to do
    Correct the JWKS, or the `jwksUri`; istiod, not the proxy, fetches it: it needs a way there (egress, DNS,
    a trusted certificate).
    """
    fetches = failed_fetches(mesh)
    for policy in mesh.kube.list(res.REQUEST_AUTHENTICATION):
        for number, jwt in enumerate(dicts(policy.spec.get("jwtRules"))):
            problem, proofs = judge(jwt, fetches)
            if problem:
                shown = Proof(policy.at(f"/spec/jwtRules/{number}"), f"issuer {as_text(jwt.get('issuer'))}")
                values = {"policy": name_of(policy), "issuer": as_text(jwt.get("issuer")), "problem": problem}
                yield Evidence(ref(policy), values, proofs=(shown, *proofs))
