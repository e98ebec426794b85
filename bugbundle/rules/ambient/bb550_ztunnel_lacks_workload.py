"""A ztunnel that does not know what istiod knows."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Pointer, Ztunnel
from bugbundle.mesh.config.ztunnels import account, key_of
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.pod_age import seconds
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule

SETTLING = 30.0


@rule(
    "BB550",
    per=Ztunnel,
    level=Level.ERROR,
    reads={Source.ZTUNNEL_CONFIG_DUMP, Source.ISTIOD_DEBUG},
    optional={"pods", "services"},
    explains={"BB551", "BB557"},
    message="{ztunnel} lacks {count} {kind} that istiod has for ambient: {first}",
)
def ztunnel_lacks_workload(ztunnel: Ztunnel) -> Iterator[Evidence | Blind]:
    """istiod's debug/ambientz has workloads or services that a ztunnel's config dump lacks.

    Workloads younger than 30 seconds are passed over; ztunnels that fetch on demand are not judged.

    ## Why it matters
    Connections to them are not sent through HBONE (no mTLS, no policy), or fail.

    ## What to do
    Look at the ztunnel's connection to istiod (its log, debug/syncz). Restarting the ztunnel pod makes it ask anew.
    """
    if as_dict(ztunnel.config.get("config")).get("xdsOnDemand") or not ztunnel.config:
        return
    for kind in ("workloads", "services"):
        wanted = account(ztunnel.mesh, kind)
        if wanted is None or ztunnel.table(kind) is None:
            yield Blind(ztunnel.id, (_unknown(ztunnel, kind, wanted is None),))
            continue
        have = {key_of(kind, row) for row in ztunnel.table(kind) or ()}
        missing = [name for key, name in wanted.items() if key not in have and not _young(ztunnel, kind, name)]
        if not missing:
            continue
        word = kind if len(missing) > 1 else kind[:-1]
        yield Evidence(
            origin=ref(ztunnel),
            values={"ztunnel": ztunnel.id, "count": len(missing), "kind": word, "first": ", ".join(missing[:3])},
            objects=tuple(_objects(kind, missing[:20])),
            proofs=(
                Proof(Pointer(ztunnel.entry("config_dump.json"), f"/{kind}"), f"{len(have)} {kind}, not {missing[0]}"),
            ),
            affects=(ztunnel.id,),
            confidence=Confidence.LIKELY,
        )


def _unknown(ztunnel: Ztunnel, kind: str, istiod: bool) -> str:
    """What could not be held against what: istiod's account, or the dump's own list."""
    if not istiod:
        return f"entry {ztunnel.entry('config_dump.json')}: {kind} in a form that is not known"
    holder = next(iter(ztunnel.mesh.istiods), None)
    path = holder.entry("debug/ambientz.json") if holder else "istiod/…/debug/ambientz.json"
    return f"entry {path}: {ztunnel.mesh.bundle.gap(path).reason or 'istiod has it since 1.23'}"


def _young(ztunnel: Ztunnel, kind: str, name: str) -> bool:
    space, _, plain = name.partition("/")
    found = ztunnel.mesh.kube.get("pods" if kind == "workloads" else "services", space, plain)
    now = ztunnel.mesh.bundle.at(ztunnel.entry("config_dump.json"))
    age = seconds(now, found.created) if found else None
    return age is not None and age < SETTLING


def _objects(kind: str, names: list[str]) -> Iterator[Ref]:
    for name in names:
        space, _, plain = name.partition("/")
        yield Ref("Pod" if kind == "workloads" else "Service", space, plain)
