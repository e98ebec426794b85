"""Root changes that belong together: what one writes, the other reads.

A VirtualService and the DestinationRule with its subsets; an AuthorizationPolicy, the provider in the mesh
configuration and its Service: made in one go, each names the other, or both name one thing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import combinations
from typing import Any

from bugbundle.compare.links import references, restart, tokens, weak
from bugbundle.compare.model import Change
from bugbundle.mesh.ref import Ref

MOST = 6
"""Objects that are told as belonging to one root."""

LARGE = frozenset({"CustomResourceDefinition"})
"""Kinds whose objects hold schemas: no references, and much to read."""

EVERYWHERE = 8
"""A name that so many changes share tells nothing."""


def join(roots: list[Change], bodies: Mapping[Ref, dict[str, Any]]) -> None:
    """Give each changed object the others that belong to it, as `objects`, nearest first."""
    plain = [root for root in roots if root.kind == "object" and not restart(root) and not weak(root)]
    if len(plain) > 100:
        return
    holders: dict[str, list[Change]] = defaultdict(list)
    for root in plain:
        for token in tokens(root, {} if root.object.kind in LARGE else bodies.get(root.object, {})):
            holders[token].append(root)
    near: dict[str, dict[str, Change]] = defaultdict(dict)
    groups = [found for found in holders.values() if len(found) > 1 and len(_without_pods(found)) < EVERYWHERE]
    named = {root.id: references(bodies.get(root.object, {})) for root in plain if root.object.kind not in LARGE}
    for one, other in combinations(plain, 2):
        refers = other.object.name in named.get(one.id, ()) or one.object.name in named.get(other.id, ())
        if refers or _of_one_name(one.object, other.object):
            groups.append([one, other])
    for found in groups:
        for one in found:
            near[one.id].update({other.id: other for other in _without_pods(found) if other is not one})
    for root in plain:
        root.objects = tuple(one.object for one in _reached(root, near))


def _without_pods(found: list[Change]) -> list[Change]:
    return [one for one in found if one.object.kind != "Pod"]


def _of_one_name(one: Ref, other: Ref) -> bool:
    """`cilium` and `cilium-config` of one namespace: parts of one program."""
    if one.namespace != other.namespace or not one.namespace:
        return False
    short, long = sorted((one.name, other.name), key=len)
    return short == long or (len(short) > 4 and long.startswith(f"{short}-"))


def _reached(root: Change, near: Mapping[str, Mapping[str, Change]]) -> list[Change]:
    """What belongs to a root, and what belongs to that, at most MOST."""
    seen = {root.id: root}
    order: list[Change] = []
    pending = [root]
    while pending and len(order) < MOST:
        for ident, other in near[pending.pop(0).id].items():
            if ident not in seen:
                seen[ident] = other
                order.append(other)
                pending.append(other)
    return order[:MOST]
