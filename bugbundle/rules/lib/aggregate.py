"""The same trouble of many proxies, told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from bugbundle.rules.model import Blind, Evidence

MOST = 5
"""Proxies that are told one by one."""

LISTED = 200
"""Objects that one finding names."""


def together(seen: Iterable[Evidence | Blind], value: str = "proxy") -> Iterator[Evidence | Blind]:
    """Evidence about single proxies: as it is where there is little, else one for all of a level.

    `value` is the message's name for the proxy: it becomes `37 proxies (a.shop, …)`. The rest of the message is that of
    the first. The origin is the object that all share, if they do share one beside themselves.
    """
    found: dict[str, list[Evidence]] = {}
    blind: list[Blind] = []
    for one in seen:
        if isinstance(one, Blind):
            blind.append(one)
        else:
            found.setdefault(one.level or "", []).append(one)
    for members in found.values():
        yield from members if len(members) <= MOST else (_one(members, value),)
    if len(blind) <= MOST:
        yield from blind
    else:
        missing = dict.fromkeys(text for one in blind for text in one.missing)
        yield Blind(f"{len(blind)} proxies ({blind[0].subject}, …)", tuple(missing))


def _one(members: list[Evidence], value: str) -> Evidence:
    first = members[0]
    shared = [thing for thing in first.objects if all(thing in one.objects for one in members)]
    things = dict.fromkeys(thing for one in members for thing in (one.origin, *one.objects))
    return replace(
        first,
        origin=shared[0] if shared else first.origin,
        values={**first.values, value: f"{len(members)} proxies ({first.values[value]}, …)"},
        objects=tuple(dict.fromkeys((*shared, *things)))[:LISTED],
        proofs=tuple(proof for one in members[:3] for proof in one.proofs),
        affects=tuple(dict.fromkeys(name for one in members for name in one.affects)),
    )
