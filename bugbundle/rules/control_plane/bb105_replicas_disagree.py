"""Replicas of one revision that are not alike."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh, Pointer
from bugbundle.mesh.ref import Proof, ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip
from bugbundle.xds import canonical


@rule(
    "BB105",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ISTIOD_VERSION},
    optional={Source.ISTIOD_DEBUG, "pods"},
    message="replicas of istiod, revision {revision}, differ in {what}: {values}",
)
def replicas_disagree(mesh: Mesh) -> Iterator[Evidence]:
    """Two replicas of the same revision run another version, or another mesh configuration (debug/mesh).

    ## Why it matters
    What a proxy gets depends on the replica that it is connected to.

    ## What to do
    Look at the rollout of the Deployment (an image that cannot be pulled, a pod that is not replaced) and at when the
    ConfigMap `istio` was changed; restart the Deployment.
    """
    revisions: dict[str, list[Istiod]] = {}
    for one in mesh.istiods:
        revisions.setdefault(one.revision, []).append(one)
    for revision, members in revisions.items():
        versions = {one.id: one.text("version.txt").strip() for one in members if one.has("version.txt")}
        if len(set(versions.values())) > 1:
            yield _evidence(revision, "version", "version.txt", members, ", ".join(sorted(set(versions.values()))))
        pages = {one.id: repr(canonical(page)) for one in members if (page := one.json("debug/mesh.json"))}
        if len(set(pages.values())) > 1:
            yield _evidence(revision, "mesh configuration", "debug/mesh.json", members, ", ".join(sorted(pages)))


def _evidence(revision: str, what: str, page: str, members: list[Istiod], values: str) -> Evidence:
    return Evidence(
        origin=ref(members[0]),
        values={"revision": revision, "what": what, "values": clip(values, 200)},
        objects=tuple(ref(one) for one in members),
        proofs=tuple(
            Proof(Pointer(one.entry(page)), one.text(page).strip()[:80] if page.endswith("txt") else what)
            for one in members[:3]
        ),
    )
