"""Several versions side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.config.revisions import proxy_version
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB651",
    per=Mesh,
    level=Level.INFO,
    reads={Source.ISTIOD_SYNCZ},
    optional={"pods", Source.ENVOY_CONFIG_DUMP},
    diagnosis=False,
    message="proxies of {count} versions run side by side: {versions}",
)
def mixed_versions(mesh: Mesh) -> Iterator[Evidence]:
    """The proxies of the mesh are of more than one version.

    ## Why it matters
    It is normal in an upgrade, and worth knowing when only some workloads misbehave.

    ## What to do
    Finish the upgrade: restart the workloads that are left.
    """
    found = Counter(version for proxy in mesh.proxies if (version := proxy_version(proxy)))
    if len(found) < 2:
        return
    istiod = mesh.istiods[0] if mesh.istiods else None
    yield Evidence(
        origin=ref(istiod) if istiod else Ref("Mesh", "", "mesh"),
        values={
            "count": len(found),
            "versions": ", ".join(f"{version} ({count})" for version, count in sorted(found.items())),
        },
        proofs=(Proof(Pointer(istiod.entry("debug/syncz.json")), "istio_version"),) if istiod else (),
    )
