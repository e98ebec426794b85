"""Kubernetes objects that were added, removed or changed: by hashes first, bodies only where these differ."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bugbundle.bundle import Bundle
from bugbundle.codec import JSONError
from bugbundle.compare import noise
from bugbundle.compare.fields import fields
from bugbundle.compare.listing import Bodies, Listing, Place, listing
from bugbundle.compare.locks import Times, abandoned, is_lock, renewed
from bugbundle.compare.look import Look, unserved
from bugbundle.compare.model import ABSENT, Field, NotComparable
from bugbundle.compare.noise import Noise, Settler
from bugbundle.compare.who import created, wrote
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Kube
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Ref

SKIPPED = {
    "events": "events: told where they are of a change",
    "events.events.k8s.io": "events: told where they are of a change",
    "endpoints": "endpoints follow pods and Services",
    "componentstatuses": noise.HEARTBEAT,
    "pods.metrics.k8s.io": noise.HEARTBEAT,
    "nodes.metrics.k8s.io": noise.HEARTBEAT,
}
"""Resources that are not held against each other, with the reason."""

FOLLOWS = "follows its owner, which changed (pods that were rolled, ReplicaSets, EndpointSlices)"
MADE = "made by controllers in every namespace (root certificates, default ServiceAccount)"
MOVED = "endpoints that moved, as pods were rolled or became ready"
AGAIN = "made again with the same content"
COMES = "comes and goes by itself (pods, Jobs, certificate requests of controllers)"

_MADE = {"kube-root-ca.crt", "istio-ca-root-cert", "istio-ca-crl"}
_PASSING = frozenset(
    {
        "pods", "replicasets.apps", "jobs.batch", "controllerrevisions.apps", "endpointslices.discovery.k8s.io",
        "certificatesigningrequests.certificates.k8s.io", "leases.coordination.k8s.io", "ipaddresses.networking.k8s.io",
        "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io", "replicationcontrollers",
    }
)  # fmt: skip
"""Resources whose objects controllers make and delete as part of their work."""


@dataclass
class ObjectChange:
    """One object that is not as it was; `owner` is the Ref of its owner, None where it has none."""

    resource: str
    ref: Ref
    change: str
    fields: tuple[Field, ...] = ()
    by: str = ""
    at: datetime | None = None
    owner: Ref | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


class Objects:
    """Both sides' objects, held against each other once."""

    def __init__(self, before: Look, after: Look, bundles: tuple[Bundle, Bundle], noise: Noise) -> None:
        self._looks = (before, after)
        self._bundles = bundles
        self._bodies = (Bodies(bundles[0]), Bodies(bundles[1]))
        self._noise = noise
        self._copies: Counter[str] = Counter()
        self.not_comparable: list[NotComparable] = []

    def changes(self) -> list[ObjectChange]:
        """What changed and does not follow from a change of its owner."""
        found = list(self._all())
        touched = {one.ref for one in found}
        self._copies = Counter(one.ref.name for one in found if one.ref.kind == "ConfigMap" and one.change == "changed")
        return [one for one in found if not self._follows(one, touched)]

    def _all(self) -> Iterator[ObjectChange]:
        before, after = self._looks
        for resource in sorted(before.listings.keys() | after.listings.keys()):
            if resource in SKIPPED:
                continue
            pair = self._pair(resource)
            if pair is None:
                continue
            yield from self._compare(resource, *pair)

    def _pair(self, resource: str) -> tuple[Listing, Listing] | None:
        """The two lists in one version; None where one side cannot tell."""
        sides = [look.listings.get(resource) for look in self._looks]
        for number, (name, other) in enumerate((("before", "after"), ("after", "before"))):
            mine = sides[number]
            if mine is None and unserved(self._looks[number], resource):
                sides[number] = Listing(resource, kind=(sides[1 - number] or Listing(resource)).kind)
            elif mine is None or mine.problem:
                theirs = sides[1 - number]
                if (theirs is not None and theirs.items) or (mine is not None and mine.problem):
                    self._lost(resource, name, mine.problem if mine else self._why(resource, number))
                return None
            del other
        one, two = sides
        assert one is not None and two is not None
        return self._same_version(resource, one, two)

    def _same_version(self, resource: str, one: Listing, two: Listing) -> tuple[Listing, Listing] | None:
        kubes = [Kube(bundle) for bundle in self._bundles]
        versions = [kube.versions(resource) for kube in kubes]
        if not versions[0] or not versions[1] or versions[0][0] == versions[1][0]:
            return one, two
        common = next((version for version in versions[0] if version in versions[1]), "")
        if not common:
            return one, two
        return (
            listing(self._bundles[0], kubes[0], resource, common),
            listing(self._bundles[1], kubes[1], resource, common),
        )

    def _lost(self, resource: str, side: str, reason: str) -> None:
        self.not_comparable.append(NotComparable(resource, side, reason))

    def _why(self, resource: str, number: int) -> str:
        plural, _, group = resource.partition(".")
        head, tail = (f"k8s/apis/{group}/", f"/{plural}.json") if group else ("k8s/api/v1/", f"{plural}.json")
        gaps = self._looks[number].gaps
        return next(
            (why for path, why in gaps.items() if path.startswith(head) and path.endswith(tail)), "not recorded"
        )

    def _compare(self, resource: str, before: Listing, after: Listing) -> Iterator[ObjectChange]:
        kind = after.kind or before.kind
        for key in sorted(before.items.keys() | after.items.keys()):
            one, two = before.items.get(key), after.items.get(key)
            if one and two:
                if one.digest != two.digest:
                    yield from self._changed(resource, kind, key, one, two)
            elif two and self._seen(before, key[0], "before", resource):
                yield self._one_sided(resource, kind, key, two, 1)
            elif one and self._seen(after, key[0], "after", resource):
                yield self._one_sided(resource, kind, key, one, 0)

    def _seen(self, other: Listing, namespace: str, side: str, resource: str) -> bool:
        """Whether the other side looked into this namespace."""
        if other.scope is None or namespace in other.scope:
            return True
        said = NotComparable(f"{resource} of namespace {namespace}", side, "the namespace was not recorded")
        if said not in self.not_comparable:
            self.not_comparable.append(said)
        return False

    def _one_sided(self, resource: str, kind: str, key: tuple[str, str], place: Place, side: int) -> ObjectChange:
        raw = self._body(side, place)
        by, at = created(raw) if side else ("", None)
        made = ObjectChange(
            resource, Ref(kind, *key), "added" if side else "removed", by=by, at=at, owner=_owner(place, key)
        )
        if side:
            made.after = raw
        else:
            made.before = raw
        return made

    def _changed(
        self, resource: str, kind: str, key: tuple[str, str], one: Place, two: Place
    ) -> Iterator[ObjectChange]:
        before, after = self._body(0, one), self._body(1, two)
        same = one.uid == two.uid
        left, right = noise.bare(resource, before, same), noise.bare(resource, after, same)
        settler = Settler(resource, kind, self._noise, same)
        left, right = settler.settle(left, right)
        found = tuple(fields(left, right)) if left != right else ()
        if not found and is_lock(after) and (lock := abandoned(before, after, self._pulses)):
            found = (lock,)
        if not found:
            if not settler.settled:
                self._quiet(kind, before, after, not same)
            return
        if kind == "Secret":
            found = tuple(_hidden(item) for item in found)
        by, at = wrote(after, (item.path for item in found))
        if not same and resource in _PASSING and one.owner[0]:
            self._noise.add(kind, FOLLOWS)
            return
        yield ObjectChange(resource, Ref(kind, *key), "changed", found, by, at, _owner(two, key), before, after)

    @functools.cached_property
    def _pulses(self) -> Times:
        """When any Lease was renewed last, on each side: what «no longer» is measured against."""
        found = []
        for side, look in enumerate(self._looks):
            listed = look.listings.get("leases.coordination.k8s.io")
            times = [renewed(self._body(side, place)) for place in listed.items.values()] if listed else []
            found.append(max((at for at in times if at), default=look.side.started))
        return found[0], found[1]

    def _quiet(self, kind: str, before: dict[str, Any], after: dict[str, Any], again: bool) -> None:
        """Count what differed and says nothing."""
        if again:
            self._noise.add(kind, AGAIN)
        elif before.get("status") != after.get("status"):
            self._noise.add(kind, noise.STATUS)
        else:
            self._noise.add(kind, noise.BOOKKEEPING)

    def _body(self, side: int, place: Place) -> dict[str, Any]:
        try:
            return self._bodies[side].get(place)
        except (JSONError, BugbundleError, KeyError, IndexError):
            return {}

    def _follows(self, one: ObjectChange, touched: set[Ref]) -> bool:
        """Whether it says nothing of its own: its owner changed, or a controller made it as it makes many."""
        if self._is_copy(one):
            self._noise.add(one.ref.kind, MADE)
            return True
        if one.change == "added" and one.ref == Ref("ServiceAccount", one.ref.namespace, "default"):
            self._noise.add(one.ref.kind, MADE)
            return True
        if (
            one.change != "changed"
            and (one.resource in _PASSING)
            and (one.owner or one.resource not in ("pods", "jobs.batch"))
        ):
            self._noise.add(one.ref.kind, FOLLOWS if one.owner in touched else COMES)
            return True
        if one.owner is None:
            return False
        if one.resource == "endpointslices.discovery.k8s.io" and one.owner.kind == "Service":
            self._noise.add(one.ref.kind, MOVED)
            return True
        if one.owner in touched or self._above(one.owner) in touched:
            self._noise.add(one.ref.kind, FOLLOWS)
            return True
        return False

    def _is_copy(self, one: ObjectChange) -> bool:
        """Whether it is a copy that controllers keep in every namespace, and not the only one that changed."""
        if one.ref.name not in _MADE or one.ref.kind != "ConfigMap":
            return False
        return one.change != "changed" or self._copies[one.ref.name] > 1

    def _above(self, owner: Ref) -> Ref | None:
        """The Deployment of a ReplicaSet, the CronJob of a Job."""
        for look in reversed(self._looks):
            for resource in ("replicasets.apps", "jobs.batch"):
                listed = look.listings.get(resource)
                place = (
                    listed.items.get((owner.namespace, owner.name)) if listed and listed.kind == owner.kind else None
                )
                if place and place.owner[0]:
                    return Ref(place.owner[0], owner.namespace, place.owner[1])
        return None


def _owner(place: Place, key: tuple[str, str]) -> Ref | None:
    return Ref(place.owner[0], key[0], place.owner[1]) if place.owner[0] else None


def _hidden(item: Field) -> Field:
    """A Secret's field without what stands in it."""
    if not item.path.startswith(("data", "stringData")):
        return item
    before = ABSENT if item.before is ABSENT else "(a value that is not shown)"
    after = ABSENT if item.after is ABSENT else "(another value that is not shown)"
    return Field(item.path, before, after)


def spec_of(raw: dict[str, Any]) -> dict[str, Any]:
    """`.spec`, or empty."""
    return as_dict(raw.get("spec"))
