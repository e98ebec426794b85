"""A workload certificate that no known root has signed."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.kinds import CONFIG_MAP
from bugbundle.mesh.kube import texts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.certificates.identity import ROOT, ROOT_MAP, WORKLOAD, held
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB404",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={Source.ENVOY_CONFIG_DUMP, Source.ZTUNNEL_CONFIG_DUMP, "configmaps"},
    explains={"BB750"},
    message="the certificate of {holders} was not signed by {root}: it comes from {issuer}",
)
def chain_not_of_root(mesh: Mesh) -> Iterator[Evidence]:
    """A proxy's own certificate does not lead to any root that it (or the mesh) trusts.

    Checked by signature, not by name: roots that replace each other often have the same name.

    ## Why it matters
    Peers with the present root refuse it: CERTIFICATE_VERIFY_FAILED, 503 with UF at the clients.

    ## What to do
    It was issued before the root changed and is still valid, so it is not renewed by itself yet: restart the pods.
    """
    from bugbundle.certificates import leads_to

    mesh_pem = _mesh_pem(mesh)
    roots = {one.holder: one.roots_pem for one in held(mesh) if one.name == ROOT}
    groups: dict[tuple[str, str], list[Proxy]] = {}
    first: dict[tuple[str, str], Proof] = {}
    for one in held(mesh):
        if not isinstance(one.holder, Proxy) or one.name != WORKLOAD or not one.chain:
            continue
        own = roots.get(one.holder, b"")
        for pem, name in ((own, "its own root"), (mesh_pem, "the mesh's root")):
            if leads_to(one.chain_pem, pem) is False:
                key = (name, one.chain[-1].issuer)
                groups.setdefault(key, []).append(one.holder)
                first.setdefault(key, Proof(one.pointer, f"issuer {one.chain[-1].issuer}, no root signed it"))
                break
    for (name, issuer), holders in groups.items():
        yield Evidence(
            origin=ref(holders[0]) if len(holders) == 1 else Ref("ConfigMap", "", ROOT_MAP),
            values={
                "holders": holders[0].id if len(holders) == 1 else f"{len(holders)} proxies",
                "root": name,
                "issuer": f"an older {issuer}",
            },
            objects=tuple(ref(one) for one in holders[:50]),
            proofs=(first[name, issuer],),
            affects=tuple(one.id for one in holders),
        )


def _mesh_pem(mesh: Mesh) -> bytes:
    """All roots in all ConfigMaps."""
    found = {
        texts(item.raw.get("data")).get("root-cert.pem", "")
        for item in mesh.kube.list(CONFIG_MAP)
        if item.name == ROOT_MAP
    }
    return "\n".join(sorted(found)).encode()
