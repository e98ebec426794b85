"""Envoy rejects what istiod sends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy, SyncState
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import proxy_log
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.rules.sync.config_origin import changed_between, credentials, makers
from bugbundle.rules.sync.nack import CLOCK, Suspect, changed, meaning, newest, suspects
from bugbundle.sync import compare
from bugbundle.words import clip
from bugbundle.xds import Xds

COUNTERS = {Xds.CDS: "cluster_manager.cds.update_rejected", Xds.LDS: "listener_manager.lds.update_rejected"}
WORDS = {
    Xds.CDS: "clusters",
    Xds.LDS: "listeners",
    Xds.RDS: "routes",
    Xds.EDS: "endpoints",
    Xds.ECDS: "extensions",
    Xds.SDS: "secrets",
}


class Rejection(NamedTuple):
    """One proxy that rejects one type; `good` is when the last push of it that Envoy took was made."""

    proxy: Proxy
    kind: Xds
    resources: tuple[str, ...]
    message: str
    good: datetime | None
    pushed: datetime | None
    proofs: tuple[Proof, ...]


@rule(
    "BB201",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={
        Source.ENVOY_CONFIG_DUMP,
        Source.ISTIOD_SYNCZ,
        Source.ISTIOD_CONFIG_DUMP,
        Source.ISTIOD_EDSZ,
        Source.LOG,
        Source.ENVOY_STATS,
        res.POD,
        res.CONFIG_MAP,
        res.ENVOY_FILTER,
        res.VIRTUAL_SERVICE,
        res.DESTINATION_RULE,
        res.GATEWAY,
        res.SERVICE_ENTRY,
        res.WORKLOAD_ENTRY,
        res.WASM_PLUGIN,
        res.HTTP_ROUTE,
        res.GRPC_ROUTE,
        res.K8S_GATEWAY,
    },
    explains={"BB202", "BB204", "BB205", "BB206", "BB301", "BB302", "BB305", "BB306", "BB406", "BB750", "IST0161"},
    message="{who} the {words} ({kind}{resources}) of {proxies}{cause}: {meaning}{text}",
)
def nack(mesh: Mesh) -> Iterator[Evidence]:
    """A proxy answers a push with NACK: Envoy found the configuration invalid and keeps the old one.

    Four views of the same event are joined: istiod's `lastError` (debug/syncz), Envoy's `error_state` (config dump),
    Envoy's counter `update_rejected` and the line in the proxy's log. The object that made the configuration is named
    where Envoy's text repeats a piece of it (a patch of an EnvoyFilter, a regular expression, a field, a host), or
    where it alone was changed between the last push that Envoy took and the one that it rejected.

    ## Why it matters
    Every later change of that type is rejected as long as the invalid piece is in it: the proxy is frozen on the
    configuration it had. A proxy that starts now never becomes ready.

    ## What to do
    Correct or delete the object that is named (`kubectl edit envoyfilter`); istiod pushes at once and the NACK is gone
    in the next recording. Where none is named, read Envoy's text: it names the listener, cluster or route, and its
    `istio.config` metadata in the config dump names the object behind it.
    """
    groups: dict[tuple[object, ...], list[tuple[Rejection, list[Suspect]]]] = {}
    for proxy in mesh.proxies:
        for rejection in _rejections(proxy):
            found = _found(mesh, rejection)
            guilty = _guilty(rejection, found)
            key = (rejection.kind, ref(guilty.thing)) if guilty else (rejection.kind, rejection.message)
            groups.setdefault(key, []).append((rejection, found))
    for members in groups.values():
        yield _evidence(members)


def _found(mesh: Mesh, one: Rejection) -> list[Suspect]:
    """The objects that may have made it: those that Envoy's text repeats, else those changed since the last ACK."""
    filters = suspects(mesh, one.proxy, one.kind, one.message)
    told = [item for item in filters if item.proof] or makers(mesh, one.kind, one.message)
    if told:
        return told
    if one.good:
        filters = [item for item in filters if (time := changed(item.thing)) is None or time >= one.good - CLOCK]
    return filters or changed_between(mesh, one.kind, one.good, one.pushed)


def _guilty(rejection: Rejection, found: list[Suspect]) -> Suspect | None:
    """The object at fault: the only one, or the one changed just before."""
    if len(found) == 1:
        return found[0]
    fresh = newest(found, rejection.pushed)
    if fresh is None and any(one.proof for one in found) and all(one.thing.kind == "EnvoyFilter" for one in found):
        return found[0]
    return fresh


def _rejections(proxy: Proxy) -> Iterator[Rejection]:
    """What istiod's syncz and Envoy's dump tell: by type, SDS (of which istiod gives no account) too."""
    states: dict[Xds, SyncState] = {}
    for holder in proxy.mesh.istiods_of(proxy.id)[:1]:
        states = {one.kind: one for one in holder.states(proxy.id).values() if one.last_error}
    errors = {kind: found.errors for kind, found in compare(proxy).types.items() if found.errors}
    for kind in sorted(WORDS.keys() & (states.keys() | errors.keys()), key=list(WORDS).index):
        state = states.get(kind)
        message = (state.last_error if state else "") or "\n".join(text for _, text in errors[kind])
        names = tuple(dict.fromkeys(name for name, _ in errors.get(kind, ())))
        good = parse_time(state.acked.partition("/")[0]) if state else None
        proofs = tuple(_proofs(proxy, kind, state, bool(names)))
        yield Rejection(proxy, kind, names, message, good, state.sent_time if state else None, proofs)


def _proofs(proxy: Proxy, kind: Xds, state: SyncState | None, dumped: bool) -> Iterator[Proof]:
    if state:
        holder = proxy.mesh.istiods_of(proxy.id)[0]
        yield Proof(Pointer(holder.entry("debug/syncz.json")), f"lastError: {_first(state.last_error)}")
    for resource in islice(proxy.dump.rejected(kind), 1) if proxy.dump and dumped else ():
        yield Proof(resource.pointer, f"error_state of {resource.name}: rejected")
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    line = log.last("rejected") if log else None
    if line:
        yield line.proof
    counter = COUNTERS.get(kind)
    for number, text in enumerate(proxy.text("stats.txt").splitlines() if counter else (), 1):
        if text.startswith(f"{counter}:") and not text.endswith(": 0"):
            yield Proof(Pointer(proxy.entry("stats.txt"), f"line {number}"), text)


def _evidence(members: list[tuple[Rejection, list[Suspect]]]) -> Evidence:
    first, found = members[0]
    guilty = _guilty(first, found)
    pods = [ref(rejection.proxy) for rejection, _ in members]
    others = tuple(ref(one.thing) for one in found)
    proofs = list(first.proofs)
    if guilty:
        text = f"it holds what Envoy quotes: {guilty.proof}" if guilty.proof else "the only change since the last ACK"
        text = f"{text}; changed {time:%H:%M:%S}" if (time := changed(guilty.thing)) else text
        proofs.insert(0, Proof(guilty.thing.pointer, text))
    known = meaning(first.message)
    names = tuple(dict.fromkeys(name for rejection, _ in members for name in rejection.resources))
    return Evidence(
        origin=ref(guilty.thing) if guilty else pods[0],
        values={
            "who": f"{ref(guilty.thing)} makes Envoy reject (NACK)" if guilty else "Envoy rejects (NACK)",
            "words": WORDS[first.kind],
            "kind": first.kind.name,
            "resources": f": {_some(names)}" if names else "",
            "proxies": _names(pods),
            "cause": f", for one of {_some(tuple(map(str, others)))}" if others and not guilty else "",
            "meaning": f"{known} — " if known else "",
            "text": _first(first.message),
        },
        objects=(*pods, *others, *_secrets(first, found)),
        proofs=tuple(proofs),
        affects=tuple(rejection.proxy.id for rejection, _ in members),
        confidence=Confidence.CERTAIN if not found or (guilty and guilty.proof) else Confidence.LIKELY,
    )


def _secrets(first: Rejection, found: list[Suspect]) -> Iterator[Ref]:
    """The Secrets behind a rejected secret, in the proxy's namespace."""
    if first.kind is Xds.SDS:
        names = {name for one in found for name in credentials(one.thing.spec) if name in first.message}
        yield from (Ref("Secret", first.proxy.namespace, name) for name in sorted(names))


def _names(pods: list[Ref]) -> str:
    first = f"{pods[0].name}.{pods[0].namespace}"
    return first if len(pods) == 1 else f"{len(pods)} proxies ({first}, …)"


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _first(text: str) -> str:
    """The first line, at most 300 characters."""
    return clip(text.strip().partition("\n")[0])
