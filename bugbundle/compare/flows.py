"""Flows that are lost or newly allowed: requests to what changed, walked through both recordings.

Batfish's differential reachability, of the part of the mesh that a change can have touched: the Services of the
namespaces of the most important root changes, asked by workloads of their own namespace first. One example stands for
each difference.
"""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.bundle import Bundle
from bugbundle.compare.links import restart, weak
from bugbundle.compare.look import Look
from bugbundle.compare.model import Change, Field
from bugbundle.mesh import Mesh
from bugbundle.mesh.ref import Ref
from bugbundle.words import clip, some

MOST_WALKS = 240
"""Requests that are walked on each side."""

MOST_NAMESPACES = 3


def flows(roots: list[Change], looks: tuple[Look, Look], bundles: tuple[Bundle, Bundle]) -> list[Change]:
    """What the two recordings let through differently, around the root changes; none where no object changed."""
    pairs = list(_pairs(roots, looks))
    if not pairs:
        return []
    from bugbundle.trace import Reach, differences, reach

    found: list[Reach] = []
    for bundle in bundles:
        mesh, whole = Mesh(bundle), Reach()
        for source, goals in pairs:
            part = reach(mesh, source, goals)
            for who, row in part.answers.items():
                whole.answers.setdefault(who, {}).update(row)
            whole.reasons.update(part.reasons)
        found.append(whole)
    made = []
    for number, one in enumerate(differences(*found)):
        who, goal = one.flows[0]
        more = f" and {len(one.flows) - 1} more" if len(one.flows) > 1 else ""
        says = f"{one.ending.value}{f': {clip(one.reason, 160)}' if one.reason else ''}"
        change = f"{some(len(one.flows), 'flow')} {'lost' if one.lost else 'newly allowed'}"
        told = f"{change}: {who} → {goal}{more} ({says})"
        services = {goal.service for _, goal in one.flows}
        space, _, name = goal.service.partition("/")
        field = Field("reach", "arrives" if one.lost else says, says if one.lost else "arrives")
        made.append(
            Change(
                f"flow:{'lost' if one.lost else 'new'}/{number}", "flow", one.because or Ref("Service", space, name),
                "removed" if one.lost else "added", told, fields=(field,), level="Error" if one.lost else "",
                affects=tuple(sorted({str(who) for who, _ in one.flows})), objects=(Ref("Service", space, name),),
                hosts=frozenset(map(_host, services)),
            )
        )  # fmt: skip
    return made


def _host(service: str) -> str:
    space, _, name = service.partition("/")
    return f"{name}.{space}.svc.cluster.local"


def _pairs(roots: list[Change], looks: tuple[Look, Look]) -> Iterator[tuple[str, str]]:
    """(namespace of senders, namespace of Services), the most telling first, as many as may be walked."""
    told = [root for root in roots if root.kind == "object" and not restart(root) and not weak(root)]
    goals = list(dict.fromkeys(space for root in told for space in _spaces(root)))[:MOST_NAMESPACES]
    senders, ports = _senders(looks[1]), _ports(looks[1])
    room = MOST_WALKS
    for goal in goals:
        for source in sorted(senders, key=lambda space: (space != goal, senders[space], space)):
            cost = senders[source] * ports.get(goal, 0)
            if 0 < cost <= room:
                room -= cost
                yield source, goal


def _spaces(root: Change) -> Iterator[str]:
    """The namespaces of the Services of which a change speaks, then its own."""
    for host in sorted(root.hosts):
        parts = host.split(".")
        if len(parts) >= 3 and parts[2] == "svc":
            yield parts[1]
    if root.object.namespace:
        yield root.object.namespace


def _senders(look: Look) -> dict[str, int]:
    """namespace → how many workloads with pods."""
    found: dict[str, set[Ref]] = {}
    for (space, _), owner in look.owners.items():
        found.setdefault(space, set()).add(owner)
    return {space: len(owners) for space, owners in found.items() if not space.startswith("kube-")}


def _ports(look: Look) -> dict[str, int]:
    """namespace → how many Services, each counted for two ports."""
    found: dict[str, int] = {}
    services = look.listings.get("services")
    for space, _ in services.items if services else ():
        found[space] = found.get(space, 0) + 2
    return found
