"""xDS resources that proxies run differently: by the hashes of their meaning, bodies only where these differ.

The difference of two bodies is our own (`bugbundle.diff`), over the canonical form. What differs only in the addresses
and names of pods that were rolled says nothing and is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from bugbundle.bundle import Bundle
from bugbundle.codec import decode, encode
from bugbundle.compare.look import Look, ProxyLook
from bugbundle.compare.model import Field
from bugbundle.compare.noise import STANDINS, Noise, stood_in
from bugbundle.diff import ABSENT, Difference, differences
from bugbundle.errors import BugbundleError
from bugbundle.mesh.facts import endpoint_facts
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.xds import Xds, canonical
from bugbundle.xds.kinds import MESSAGES

MOVED = "endpoints that moved, as pods were rolled or became ready"
ROLLED = "addresses and names of pods that were rolled"

MAX_OPENED = 3000
"""Pairs of bodies that are opened; what lies beyond is told as changed, without fields."""

_CONFIG = re.compile(rb'"(/apis/[^/"]+/[^/"]+/namespaces/[^/"]+/[^/"]+/[^"]+)"')
_HOST = re.compile(r"[a-z0-9*][a-z0-9-]*(?:\.[a-z0-9-]+)+")
_POD = re.compile(r"(?<=[a-z0-9])-[a-z0-9]{5,10}-[a-z0-9]{5}(?![a-z0-9-])")


@dataclass
class ResourceChange:
    """One resource that some proxies run differently.

    `proxies` of `total` run it anew; `refs` are Istio's objects that istiod names as its source, `hosts` the hosts in
    what differs.
    """

    kind: str
    name: str
    change: str
    fields: tuple[Field, ...] = ()
    proxies: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)
    refs: set[Ref] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)


@dataclass
class _Seen:
    """What the difference of two bodies comes to; `quiet` the reason where it says nothing."""

    fields: tuple[Field, ...] = ()
    refs: set[Ref] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)
    quiet: str = ""


class Resources:
    """Both sides' proxies, held against each other by workload."""

    def __init__(self, before: Look, after: Look, bundles: tuple[Bundle, Bundle], noise: Noise) -> None:
        self._looks = (before, after)
        self._bundles = bundles
        self._noise = noise
        self._seen: dict[tuple[str, int, int], _Seen] = {}
        addresses = sorted(filter(None, before.addresses | after.addresses), key=len, reverse=True)
        self._address = re.compile("|".join(map(re.escape, addresses)) or r"(?!)")
        self._names = [[self._masked(name) for _, name, _ in look.table] for look in self._looks]

    def changes(self) -> list[ResourceChange]:
        """Every resource that differs in some proxy, those of the most proxies first."""
        found: dict[tuple[str, str, str], ResourceChange] = {}
        for ident, one, two in self._pairs():
            for number_before, number_after in self._differing(one, two):
                self._take(found, ident, number_before, number_after)
        self._still_old(found)
        return sorted(found.values(), key=lambda one: (-len(one.proxies), one.kind, one.name))

    def _pairs(self) -> Iterator[tuple[str, ProxyLook, ProxyLook]]:
        """(proxy, itself or another of its workload before, itself)."""
        before, after = self._looks
        by_workload: dict[tuple[Ref, str], ProxyLook] = {}
        for proxy in before.proxies.values():
            if proxy.recorded:
                by_workload.setdefault((proxy.workload, proxy.kind), proxy)
        for ident, proxy in after.proxies.items():
            if not proxy.recorded:
                continue
            same = before.proxies.get(ident)
            partner = same if same and same.recorded else by_workload.get((proxy.workload, proxy.kind))
            if partner is not None:
                yield ident, partner, proxy

    def _differing(self, one: ProxyLook, two: ProxyLook) -> Iterator[tuple[int | None, int | None]]:
        tables = [look.table for look in self._looks]
        left = {(tables[0][n][0], self._names[0][n]): n for n in one.rows}
        right = {(tables[1][n][0], self._names[1][n]): n for n in two.rows}
        for key in left.keys() | right.keys():
            a, b = left.get(key), right.get(key)
            if a is None or b is None or tables[0][a][2] != tables[1][b][2]:
                yield a, b

    def _take(
        self, found: dict[tuple[str, str, str], ResourceChange], ident: str, a: int | None, b: int | None
    ) -> None:
        side, number = (1, b) if b is not None else (0, a)
        assert number is not None
        kind, name, _ = self._looks[side].table[number]
        change = "changed" if a is not None and b is not None else "added" if a is None else "removed"
        seen = self._open(kind, a, b)
        if seen.quiet:
            self._noise.add(kind, seen.quiet)
            return
        name = self._names[side][number] if self._names[side][number] != name else name
        one = found.setdefault((kind, name, change), ResourceChange(kind, name, change))
        one.proxies.add(ident)
        one.fields = one.fields or seen.fields
        one.refs |= seen.refs
        one.hosts |= seen.hosts

    def _open(self, kind: str, a: int | None, b: int | None) -> _Seen:
        key = (kind, -1 if a is None else a, -1 if b is None else b)
        known = self._seen.get(key)
        if known is None:
            known = self._seen[key] = self._look(kind, a, b) if len(self._seen) < MAX_OPENED else _Seen()
        return known

    def _look(self, kind: str, a: int | None, b: int | None) -> _Seen:
        left, right = self._body(0, a), self._body(1, b)
        if kind == Xds.EDS:
            return self._endpoints(left, right, a, b)
        made = _Seen()
        if a is None or b is None:
            text = encode(right if b is not None else left)
            name = self._looks[1].table[b][1] if b is not None else self._looks[0].table[a or 0][1]
            made.refs = set(_refs(text))
            made.hosts = set(_hosts(name))
            return made
        told = list(differences(left, right))
        kept = [one for one in told if not self._same(one)]
        if not kept:
            made.quiet = STANDINS if any("redacted" in f"{one.left}{one.right}" for one in told) else ROLLED
            return made
        made.fields = tuple(Field(one.path, one.left, one.right) for one in kept[:20])
        values = encode([None if value is ABSENT else value for one in kept for value in (one.left, one.right)])
        made.refs = set(_refs(values)) or (
            set(_refs(encode(left))) & set(_refs(encode(right))) if kind != Xds.RDS else set()
        )
        made.hosts = set(_hosts(self._looks[1].table[b][1])) | {h for one in kept for h in _hosts(one.path)}
        return made

    def _endpoints(self, left: Any, right: Any, a: int | None, b: int | None) -> _Seen:
        counts = [_count(body) for body in (left, right)]
        name = self._looks[1].table[b][1] if b is not None else self._looks[0].table[a or 0][1]
        if a is not None and b is not None and counts[0] == counts[1]:
            return _Seen(quiet=MOVED)
        fields = tuple(
            Field(path, ABSENT if a is None else one, ABSENT if b is None else two)
            for path, one, two in zip(("endpoints", "healthy endpoints"), *counts, strict=True)
            if one != two
        )
        return _Seen(fields, hosts=set(_hosts(name)))

    def _same(self, one: Difference) -> bool:
        """Whether a difference is of addresses and pods alone, or of stand-ins."""
        if one.left is ABSENT or one.right is ABSENT:
            return False
        left, right = (self._masked(stood_in(encode(value).decode())) for value in (one.left, one.right))
        return left == right

    def _masked(self, text: str) -> str:
        return _POD.sub("", self._address.sub("(pod)", text))

    def _body(self, side: int, number: int | None) -> Any:
        """The canonical body; None where there is none."""
        if number is None:
            return None
        kind = self._looks[side].table[number][0]
        entry, offset, length = self._looks[side].spans[number]
        try:
            value = decode(self._bundles[side][entry][offset : offset + length], entry)
        except (BugbundleError, KeyError):
            return None
        return canonical(value, MESSAGES.get(Xds(kind), ""))

    def _still_old(self, found: dict[tuple[str, str, str], ResourceChange]) -> None:
        """Which proxies have not followed: they run the old one, and istiod says that they are not in sync."""
        after = self._looks[1]
        behind = {
            (ident, kind)
            for ident, proxy in after.proxies.items()
            for kind, verdict in proxy.verdicts.items()
            if verdict in ("STALE", "ERROR", "NOT CONNECTED", "DIFFERS")
        }
        for one in found.values():
            one.old = {ident for ident, kind in behind if kind == one.kind and ident not in one.proxies}


def _count(body: Any) -> tuple[int, int]:
    """(endpoints, healthy ones)."""
    if not isinstance(body, dict):
        return 0, 0
    hosts = endpoint_facts(body).hosts
    return len(hosts), sum(1 for host in hosts if host.health in ("", "HEALTHY", "UNKNOWN"))


def _refs(text: bytes) -> Iterator[Ref]:
    for match in set(_CONFIG.findall(text)):
        found = config_ref(match.decode("utf-8", "replace"))
        if found:
            yield found


def _hosts(text: str) -> Iterator[str]:
    """The hosts in a resource's name or in a path: `outbound|80|v1|cart.shop.svc…`, `[cart.shop…:80]`."""
    host = ClusterName(text).host
    if host:
        yield host
        return
    yield from (match for match in _HOST.findall(text) if not match.startswith("envoy."))
