"""BB656: a dry-run AuthorizationPolicy reaches ztunnels that do not know of dry runs."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect import effects
from bugbundle.effect.versions import numbers, version_of
from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Ztunnel
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.rules.effect.told import OPTIONAL
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

KNOWS = (1, 29)
"""ztunnel's first version that only logs what a dry-run policy would deny."""


@rule(
    "BB656",
    per=Mesh,
    level=Level.ERROR,
    reads={res.AUTHORIZATION_POLICY, Source.ZTUNNEL_CONFIG_DUMP},
    optional=OPTIONAL,
    explains={"BB556", "BB504"},
    message=(
        "AuthorizationPolicy {policy} is a dry run (istio.io/dry-run), which {count} of version {version} cannot tell "
        "from others: it is enforced there"
    ),
)
def dry_run_enforced(mesh: Mesh) -> Iterator[Evidence]:
    """Since 1.29 istiod sends dry-run policies to ztunnel (AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY).

    ## Why it matters
    A ztunnel before 1.29 does not know of dry runs and enforces them: what was to be tried denies connections.

    ## What to do
    Upgrade ztunnel to the version of istiod, or set AMBIENT_ENABLE_DRY_RUN_AUTHORIZATION_POLICY=false in istiod, or
    delete the policy until then.
    """
    old = {one.id: text for one in mesh.ztunnels if () < numbers(text := version(one))[:2] < KNOWS}
    if not old or not any(version_of(istiod)[:2] >= KNOWS for istiod in mesh.istiods):
        return
    for effect in effects(mesh, res.AUTHORIZATION_POLICY):
        item = effect.item
        if item.annotations.get("istio.io/dry-run") != "true":
            continue
        held = [z for z in mesh.ztunnels if z.id in old and _holds(z, item.namespace, item.name)]
        if held:
            yield Evidence(
                ref(item),
                {"policy": name_of(item), "count": some(len(held), "ztunnel"), "version": old[held[0].id]},
                objects=tuple(ref(one) for one in held[:20]),
                proofs=(
                    Proof(item.at("/metadata/annotations/istio.io~1dry-run"), "true"),
                    Proof(Pointer(held[0].entry("config_dump.json"), "/policies"), f"{item.namespace}/{item.name}"),
                ),
                affects=tuple(one.id for one in held),
            )


def version(ztunnel: Ztunnel) -> str:
    """The version of a ztunnel by its image's tag; empty where it cannot be told."""
    containers = dicts(ztunnel.pod.spec.get("containers")) if ztunnel.pod else []
    return next((as_text(one.get("image")).rpartition(":")[2] for one in containers if one.get("image")), "")


def _holds(ztunnel: Ztunnel, namespace: str, name: str) -> bool:
    return any(
        (one.get("namespace"), one.get("name")) == (namespace, name) for one in dicts(ztunnel.config.get("policies"))
    )
