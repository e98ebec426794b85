"""Identities of a trust domain that the mesh does not have."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.config.meshconfig import mesh_config_map
from bugbundle.mesh.ref import Proof, ref
from bugbundle.rules.certificates.identity import WORKLOAD, Held, held, trust_domains
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB409",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ENVOY_CONFIG_DUMP, "configmaps"},
    explains={"BB750"},
    message="trust domain {theirs} in the identities of {count}, while the mesh has {ours}",
)
def trust_domain(mesh: Mesh) -> Iterator[Evidence]:
    """The trust domain in a proxy's SPIFFE identity is neither `trustDomain` nor among `trustDomainAliases`.

    ## Why it matters
    AuthorizationPolicies name the trust domain of the mesh and do not match such a client; ztunnel and clients refuse
    such a server.

    ## What to do
    After a change of `trustDomain`, add the old one to `trustDomainAliases` and restart the workloads.
    """
    known = trust_domains(mesh)
    groups: dict[str, list[Held]] = {}
    for one in held(mesh):
        domain = one.spiffe.removeprefix("spiffe://").partition("/")[0]
        if known and domain and domain not in known and isinstance(one.holder, Proxy) and one.name == WORKLOAD:
            groups.setdefault(domain, []).append(one)
    settings = mesh_config_map(mesh)
    for domain, members in groups.items():
        yield Evidence(
            origin=ref(settings) if settings else ref(members[0].holder),
            values={
                "count": f"{len(members)} proxies" if len(members) > 1 else "1 proxy",
                "theirs": domain,
                "ours": ", ".join(sorted(known)),
            },
            objects=tuple(ref(one.holder) for one in members[:50]),
            proofs=(Proof(members[0].pointer, members[0].spiffe),),
            affects=tuple(one.holder.id for one in members),
        )
