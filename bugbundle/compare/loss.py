"""What only one side shows: never «removed» or «added», always with the reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.compare.look import Look
from bugbundle.compare.model import NotComparable, Population
from bugbundle.istio import source_of
from bugbundle.mesh.ref import Ref


def lost(before: Look, after: Look) -> Iterator[NotComparable]:
    """Sources of proxies, istiods and logs that one side lacks though the pod is there on both."""
    for side, here, there in (("before", before, after), ("after", after, before)):
        yield from _pages(side, here, there)
    if before.side.tool != after.side.tool and before.side.tool and after.side.tool:
        yield NotComparable(f"tool {before.side.tool}", "after", f"recorded by {after.side.tool}")
    scopes = [look.options.get("namespaces") or [] for look in (before, after)]
    if scopes[0] != scopes[1]:
        told = [", ".join(map(str, scope)) or "all namespaces" for scope in scopes]
        yield NotComparable(f"scope: {told[0]}", "after", f"recorded {told[1]}")


def _pages(side: str, here: Look, there: Look) -> Iterator[NotComparable]:
    """The pages that the other side has of what both sides have, by kind and reason."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    known = {f"{name}.{space}" for space, name in here.owners} | set(here.proxies) | set(here.ztunnels)
    whole = "pods" not in here.listings
    for path in there.entries - here.entries:
        parts = path.split("/")
        if parts[0] not in ("proxies", "istiod", "ztunnel", "logs") or len(parts) < 4:
            continue
        if whole or f"{parts[2]}.{parts[1]}" in known:
            source = source_of(path).value
            what = f"{source.folder}/…/{source.name}"
            groups[what, here.gaps.get(path, "not recorded")].append(f"{parts[2]}.{parts[1]}")
    for (what, reason), pods in sorted(groups.items()):
        names = sorted(set(pods))
        who = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        yield NotComparable(f"{what} of {who}", side, reason)


def silent(before: Look, after: Look) -> frozenset[Ref]:
    """Workloads of which one side lacks a log that the other has of the same pod."""
    found = set()
    for path in before.entries ^ after.entries:
        parts = path.split("/")
        if parts[0] == "logs" and len(parts) == 4:
            key = (parts[1], parts[2])
            owners = [look.owners.get(key) for look in (before, after)]
            if all(owners) or not all("pods" in look.listings for look in (before, after)):
                found |= {owner for owner in owners if owner}
    return frozenset(found)


def population(before: Look, after: Look, one: set[str], two: set[str]) -> Population:
    """Who is on both sides, on one alone; nobody was added or removed where one side has no list of pods."""
    if "pods" not in before.listings or "pods" not in after.listings:
        return Population(common=len(one & two))
    return Population(len(one & two), tuple(sorted(two - one)), tuple(sorted(one - two)))
