"""istiod's account of a proxy against Envoy's own, resource by resource, by meaning.

Equal hashes of the canonical form are equal resources (`bugbundle.xds.canonical`); only what differs is opened.
What is compared: the dynamic resources that Envoy runs (`istioctl proxy-status POD` compares CDS, LDS and RDS of these,
istioctl/pkg/writer/compare), and beyond it EDS of the EDS clusters and ECDS.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from bugbundle.bundle.manifest import parse_time
from bugbundle.diff import ABSENT, differences
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Dump, Istiod, Mesh, Proxy, Resource, SyncState
from bugbundle.mesh.columns import Column
from bugbundle.mesh.facts import ClusterFacts
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.once import once
from bugbundle.sync.model import TYPES, Drift, FieldDrift, Meaning, ProxySync, TypeSync, Verdict
from bugbundle.xds import Xds, canonical
from bugbundle.xds.kinds import MESSAGES

MAX_FIELDS = 40
"""Fields listed for one drift; the rest are counted."""

IN_FLIGHT_SECONDS = 15.0
"""A push younger than this at the capture may not have arrived yet."""


def compare_all(mesh: Mesh) -> Iterator[ProxySync]:
    """Every proxy of the mesh, one by one."""
    for proxy in mesh.proxies:
        yield compare(proxy)


@once
def compare(proxy: Proxy) -> ProxySync:
    """One proxy, all types; remembered with the proxy."""
    mesh = proxy.mesh
    holders = mesh.istiods_of(proxy.id)
    holder = holders[0] if holders else None
    source = holder or next((i for i in mesh.istiods if i.account(proxy.id)), None)
    states = {state.kind: state for state in holder.states(proxy.id).values()} if holder else {}
    types = {kind: _type(proxy, kind, source, states.get(kind), holder) for kind in TYPES}
    blind = tuple(f"{i.id}: {i.gap('debug/syncz.json').reason}" for i in mesh.istiods if not i.has("debug/syncz.json"))
    if not mesh.istiods:
        blind = ("no istiod in this bundle",)
    return ProxySync(proxy.id, holder.name if holder else "", _apart(proxy, source), types, blind)


def _apart(proxy: Proxy, istiod: Istiod | None) -> float | None:
    """Seconds between the two recordings."""
    if istiod is None:
        return None
    bundle = proxy.mesh.bundle
    one = bundle.at(proxy.entry("config_dump.json"))
    other = bundle.at(istiod.entry(f"debug/config_dump/{proxy.id}.json"))
    return abs((one - other).total_seconds()) if one and other else None


def _type(proxy: Proxy, kind: Xds, istiod: Istiod | None, state: SyncState | None, holder: Istiod | None) -> TypeSync:
    account, reason = _accounts(proxy, kind, istiod)
    errors = tuple(_errors(proxy.dump, kind)) if proxy.dump else ()
    age = _age(proxy.mesh.now, state)
    equal = 0
    drifts: tuple[Drift, ...] = ()
    if account is not None and proxy.dump is not None:
        equal, drifts = _drifts(proxy.dump, account, kind, _Context(proxy.mesh, state, holder, age, dict(errors)))
    verdict = _verdict(state, holder, drifts, errors, known=bool(proxy.mesh.istiods))
    return TypeSync(kind, verdict, state, age, not reason, reason, equal, drifts, errors)


def _accounts(proxy: Proxy, kind: Xds, istiod: Istiod | None) -> tuple[Dump | None, str]:
    """istiod's account of one type, or why there is nothing to compare."""
    if proxy.dump is None:
        return None, proxy.gap("config_dump.json").text
    if proxy.dump.problem:
        return None, f"entry {proxy.dump.entry}: {proxy.dump.problem}"
    if istiod is None:
        return None, "no istiod of this bundle gave an account of this proxy"
    page = "edsz" if kind is Xds.EDS else "config_dump"
    account = istiod.account(proxy.id, page)
    if account is None:
        return None, istiod.gap(f"debug/{page}/{proxy.id}.json").text
    if account.problem:
        return None, f"entry {account.entry}: {account.problem}"
    flat = page == "config_dump" and account.has(None, "flat")
    if flat and not account.has(kind):
        return None, f"entry {account.entry}: istiod was asked for single types, and gave no account of {kind}"
    if kind is Xds.EDS and not proxy.dump.has(Xds.EDS):
        return None, f"entry {proxy.dump.entry}: was recorded without EDS"
    return account, ""


class _Context:
    """What tells the meaning of a drift: istiod's state of the type, who holds the connection, Envoy's errors."""

    def __init__(
        self, mesh: Mesh, state: SyncState | None, holder: Istiod | None, age: float | None, errors: dict[str, str]
    ) -> None:
        self.mesh = mesh
        self.state = state
        self.holder = holder
        self.age = age
        self.errors = errors

    def meaning(self, name: str, change: str, warming: frozenset[str]) -> Meaning:
        """The likeliest meaning, the surest sign first."""
        if name in self.errors or (self.state and self.state.last_error):
            return Meaning.REJECTED
        if name in warming:
            return Meaning.WARMING
        if self.holder is None:
            return Meaning.DISCONNECTED
        if self.state is None or not self.state.sent:
            return Meaning.NEVER_SENT
        if self.age is not None and self.age < IN_FLIGHT_SECONDS:
            return Meaning.IN_FLIGHT
        if self.state.acked != self.state.sent:
            return Meaning.STALE
        return Meaning.REMOVED if change == "only in Envoy" else Meaning.UNEXPLAINED


def _drifts(envoy: Dump, istiod: Dump, kind: Xds, context: _Context) -> tuple[int, tuple[Drift, ...]]:
    """(resources that agree, the others)."""
    ours, theirs = istiod.column(kind), envoy.column(kind, "dynamic_active")
    equal, names = _apart_names(ours, theirs, envoy.column(Xds.CDS, "dynamic_active") if kind is Xds.EDS else None)
    if not names:
        return equal, ()
    here = _named(istiod.resources(kind), names)
    there = _named(envoy.resources(kind, "dynamic_active"), names)
    warming = envoy.column(kind, "dynamic_warming").names
    return equal, tuple(_drift(kind, name, here.get(name), there.get(name), context, warming) for name in names)


@once
def _apart_names(ours: Column, theirs: Column, clusters: Column | None) -> tuple[int, tuple[str, ...]]:
    """(how many resources are equal, the names of the others): looked at once for all proxies with these columns.

    Of EDS only what Envoy subscribes to counts (`clusters`: its CDS): its dump also prints the endpoints of others.
    """
    here, there = ours.named, theirs.named
    equal = sum(1 for name, one in here.items() if there.get(name) == one)
    if equal == len(here) == len(there):
        return equal, ()
    alone = there.keys() - here.keys()
    if clusters is not None and alone:
        alone &= _subscribed(clusters)
    return equal, tuple(sorted({*alone, *(name for name, one in here.items() if there.get(name) != one)}))


@once
def _subscribed(clusters: Column) -> frozenset[str]:
    """The names under which the EDS clusters of a CDS column ask for endpoints."""
    facts = [clusters.facts(one) for one in clusters.named.values()]
    return frozenset(one.service or one.name for one in facts if isinstance(one, ClusterFacts) and one.type == "EDS")


def _named(resources: Iterable[Resource], names: Container[str]) -> dict[str, Resource]:
    return {resource.name: resource for resource in resources if resource.has_body and resource.name in names}


def _drift(
    kind: Xds, name: str, ours: Resource | None, theirs: Resource | None, context: _Context, warming: frozenset[str]
) -> Drift:
    change = "missing in Envoy" if theirs is None else "only in Envoy" if ours is None else "differs"
    fields: tuple[FieldDrift, ...] = ()
    cut = 0
    if ours is not None and theirs is not None:
        found = _fields(context.mesh, kind, Shown(ours.meaning, ours), Shown(theirs.meaning, theirs))
        fields, cut = tuple(found[:MAX_FIELDS]), max(len(found) - MAX_FIELDS, 0)
    return Drift(
        kind,
        name,
        change,
        context.meaning(name, change, warming),
        _config(ours) or _config(theirs),
        ours.pointer if ours else None,
        theirs.pointer if theirs else None,
        fields,
        cut,
    )


@dataclass(frozen=True)
class Shown:
    """A resource by what it means: equal meaning, equal differences."""

    meaning: bytes
    resource: Resource = field(compare=False)


@once
def _fields(mesh: Mesh, kind: Xds, ours: Shown, theirs: Shown) -> list[FieldDrift]:
    """The fields that differ, the same for all proxies with this pair; empty where a body cannot be read."""
    try:
        left = canonical(ours.resource.body(), MESSAGES.get(kind, ""))
        right = canonical(theirs.resource.body(), MESSAGES.get(kind, ""))
    except BugbundleError:
        return [FieldDrift("/", ABSENT, ABSENT)]
    return [FieldDrift(d.path, d.left, d.right) for d in differences(left, right)]


def _config(resource: Resource | None) -> str:
    """The Istio object behind a resource, by its metadata."""
    facts = resource.facts() if resource is not None else None
    return as_text(getattr(facts, "config", ""))


def _errors(dump: Dump, kind: Xds) -> Iterator[tuple[str, str]]:
    """(resource, what Envoy said) for every resource that Envoy rejected."""
    for resource in dump.rejected(kind):
        details = as_text(resource.error_state.get("details"))
        if details:
            yield resource.name, details


def _age(now: datetime | None, state: SyncState | None) -> float | None:
    """Seconds since istiod sent: by `sentTime`, else by the time that nonces and versions begin with."""
    if now is None or state is None:
        return None
    sent = state.sent_time or parse_time(state.sent.partition("/")[0])
    return max((now - sent).total_seconds(), 0.0) if sent else None


def _verdict(
    state: SyncState | None,
    holder: Istiod | None,
    drifts: tuple[Drift, ...],
    errors: tuple[tuple[str, str], ...],
    *,
    known: bool,
) -> Verdict:
    """Rejection first, then istiod's own status, then what the comparison saw."""
    if errors or (state and state.last_error):
        return Verdict.ERROR
    if holder is None:
        return Verdict.DIFFERS if drifts else Verdict.NOT_CONNECTED if known else Verdict.UNKNOWN
    if state is None:
        return Verdict.DIFFERS if drifts else Verdict.IGNORED
    if state.status != "SYNCED":
        return Verdict(state.status)
    if drifts:
        return Verdict.DIFFERS
    return Verdict.SYNCED
