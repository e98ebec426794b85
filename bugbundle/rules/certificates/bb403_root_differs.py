"""A proxy that trusts another root than its mesh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.certificates.identity import ROOT, ROOT_MAP, Held, held, majority, mesh_roots
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB403",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={Source.ENVOY_CONFIG_DUMP, Source.ZTUNNEL_CONFIG_DUMP, "configmaps"},
    explains={"BB404", "BB750", "BB203", "BB202", "BB306"},
    message="{holders} {trust} another root than the mesh: {theirs}, while {other} {ours}",
)
def root_differs(mesh: Mesh) -> Iterator[Evidence]:
    """The roots (ROOTCA) of a proxy have none in common with those of the mesh.

    The mesh's roots are those of the ConfigMap `istio-ca-root-cert`; without it, those of most proxies.

    ## Why it matters
    The proxy and the rest of the mesh do not accept each other's certificates: every mTLS connection between them
    fails with CERTIFICATE_VERIFY_FAILED.

    ## What to do
    Restart the pods named here, so that they fetch the new root. When a root is replaced, distribute both roots first
    (a planned rotation); in several clusters, let all intermediate CAs come from one root.
    """
    found = [one for one in held(mesh) if one.roots and (one.name == ROOT or not isinstance(one.holder, Proxy))]
    known = majority(mesh_roots(mesh))
    source = f"ConfigMap {ROOT_MAP}" if known else "most proxies"
    if not known:
        counts = Counter(_prints(one) for one in found)
        known = counts.most_common(1)[0][0] if counts else frozenset()
    groups: dict[frozenset[str], list[Held]] = {}
    for one in found:
        if known and not _prints(one) & known:
            groups.setdefault(_prints(one), []).append(one)
    for members in groups.values():
        holders = list(dict.fromkeys(one.holder for one in members))
        first = members[0]
        yield Evidence(
            origin=ref(holders[0]) if len(holders) == 1 else Ref("ConfigMap", "", ROOT_MAP),
            values={
                "holders": holders[0].id if len(holders) == 1 else f"{len(holders)} proxies ({holders[0].id}, …)",
                "trust": "trusts" if len(holders) == 1 else "trust",
                "theirs": f"{first.roots[0].subject or '(no name)'} ({first.roots[0].fingerprint[:12]})",
                "other": f"{source} {'has' if source.startswith('C') else 'have'}",
                "ours": ", ".join(sorted(item[:12] for item in known)[:3]),
            },
            objects=tuple(ref(one) for one in holders[:50]),
            proofs=(Proof(first.pointer, f"root SHA-256 {first.roots[0].fingerprint[:32]}…"),),
            affects=tuple(one.id for one in holders),
            confidence=Confidence.CERTAIN if source.startswith("C") else Confidence.LIKELY,
        )


def _prints(one: Held) -> frozenset[str]:
    return frozenset(root.fingerprint for root in one.roots)
