"""`effect KIND NAME[.NS]`: where an object acts, where it should and does not, and why. istioctl has no such answer."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from bugbundle.effect import KINDS, Why, concerned, effect_of, effects
from bugbundle.errors import UsageError
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.signals.failures import times
from bugbundle.views.table import Table, align
from bugbundle.words import some

SHORT = {
    "vs": res.VIRTUAL_SERVICE,
    "dr": res.DESTINATION_RULE,
    "gw": res.GATEWAY,
    "se": res.SERVICE_ENTRY,
    "we": res.WORKLOAD_ENTRY,
    "ef": res.ENVOY_FILTER,
    "ap": res.AUTHORIZATION_POLICY,
    "pa": res.PEER_AUTHENTICATION,
    "ra": res.REQUEST_AUTHENTICATION,
    "gtw": res.K8S_GATEWAY,
    "netpol": res.NETWORK_POLICY,
    "svc": res.SERVICE,
    "service": res.SERVICE,
}
"""The short names that kubectl knows, and a few more."""

CLUSTER_WIDE = frozenset({res.MUTATING})
SHOWN = 12


def list_of(kind: str) -> str:
    """The list that a word means: a kind, its plural with or without group, or a short name. Raises `UsageError`."""
    word = kind.lower()
    if word in SHORT:
        return SHORT[word]
    for resource in (*KINDS, res.SERVICE):
        plural = resource.partition(".")[0]
        if word in (resource, plural, _singular(plural)):
            return resource
    every = sorted({*SHORT, *(_singular(one.partition(".")[0]) for one in KINDS)})
    near = difflib.get_close_matches(word, every, 3, 0.5) or every
    raise UsageError(f"no kind {kind!r} has an effect that can be told", todo=f"Known: {', '.join(near)}")


def _singular(plural: str) -> str:
    if plural.endswith("ies"):
        return plural.removesuffix("ies") + "y"
    return plural.removesuffix("s")


def overview(mesh: Mesh, resource: str = "", namespace: str = "") -> Table:
    """Every object and what its effect is, in one table."""
    rows = []
    for one in [resource] if resource else KINDS:
        for effect in effects(mesh, one):
            if not namespace or effect.item.namespace == namespace:
                why = effect.why[0].reason if effect.why else (effect.notes[0] if effect.notes else "")
                where = str(len({trace.where for trace in effect.acts})) if effect.visible else "-"
                rows.append((str(effect.item), effect.verdict, str(len(effect.should)), where, str(why)))
    return Table(("OBJECT", "EFFECT", "MEANT FOR", "ACTS IN", "WHY NOT"), tuple(rows), 3)


def of_object(mesh: Mesh, resource: str, item: KubeObject) -> str:
    """All that is known of one object's effect."""
    effect = effect_of(mesh, resource, item)
    lines = [f"{item}: {effect.verdict}", *(f"Note: {note}" for note in effect.notes)]
    lines += _where("Acts in", [f"{trace.where}\t{trace.what}" for trace in effect.acts])
    if effect.visible:
        lines += _where("Should act in, and is not seen there", list(effect.missing))
    else:
        lines += _where("Meant for (it leaves no name in a config dump)", list(effect.should))
    lines += _where("Could not look", list(effect.blind))
    for number, why in enumerate(effect.why):
        lines += _reason(mesh, why, number)
    if effect.missing and not effect.why and not effect.blind:
        lines.append("Why: no reason of Istio's rules of selection; compare `proxy-status` and `analyze`")
    return "".join(f"{line}\n" for line in lines)


def _where(title: str, rows: list[str]) -> list[str]:
    if not rows:
        return []
    cells = align([row.split("\t") for row in rows[:SHOWN]], 3)
    more = [f"   and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return [f"{title} ({len(rows)}):", *(f"   {row}" for row in cells), *more]


def _reason(mesh: Mesh, why: Why, number: int) -> Iterator[str]:
    part = f" (of {why.part})" if why.part else ""
    yield f"Why not{part}: {why.reason}"
    yield f"   It {why.text}"
    for proof in why.proofs:
        yield f"   {proof.pointer}: {proof.text}"
    found = concerned(mesh, why)
    if found:
        yield f"   {some(times(found), 'request')} that it was meant for failed; the last: {found[-1].text}"
    yield f"   What to do: {why.todo}"


def without_effect(mesh: Mesh, pod: str) -> Iterator[str]:
    """What is meant for a pod (id) and does nothing there, or a part of which does nothing: a line each."""
    for resource in KINDS:
        for effect in effects(mesh, resource):
            meant = pod in effect.should or any(pod in why.pods for why in effect.why)
            for why in effect.why if meant else ():
                yield f"{effect.item}{f' ({why.part})' if why.part else ''} does nothing: {why.reason}"
                yield f"   It {why.text}"
