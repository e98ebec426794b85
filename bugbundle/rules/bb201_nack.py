"""Envoy rejects what istiod sends."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.rules.lib.logs import proxy_log
from bugbundle.rules.lib.nack import Suspect, changed, meaning, newest, suspects
from bugbundle.rules.model import Confidence, Evidence, Level, Proof, Ref, ref, rule
from bugbundle.sync import TypeSync, compare
from bugbundle.xds import Xds

COUNTERS = {Xds.CDS: "cluster_manager.cds.update_rejected", Xds.LDS: "listener_manager.lds.update_rejected"}


class Rejection(NamedTuple):
    """One proxy that rejects one type."""

    proxy: Proxy
    kind: Xds
    resources: tuple[str, ...]
    message: str
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
        "pods",
        "configmaps",
        "envoyfilters.networking.istio.io",
    },
    explains={"BB202", "BB204", "BB205", "BB206", "BB301", "BB302", "BB305", "BB306", "BB750"},
    message="Envoy rejects {kind}{resources} of {proxies}: {text}{meaning}{cause}",
)
def nack(mesh: Mesh) -> Iterator[Evidence]:
    """A proxy answers a push with NACK: Envoy found the configuration invalid and keeps the old one.

    Four views of the same event are joined: istiod's `lastError` (debug/syncz), Envoy's `error_state` (config dump),
    Envoy's counter `update_rejected` and the line in the proxy's log. The EnvoyFilter that made the configuration is
    named where it applies to the proxy and Envoy's text repeats a piece of it.

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
            found = suspects(mesh, proxy, rejection.kind, rejection.message)
            guilty = _guilty(rejection, found)
            key = (rejection.kind, ref(guilty.filter) if guilty else proxy.id, rejection.message)
            groups.setdefault(key, []).append((rejection, found))
    for members in groups.values():
        yield _evidence(members)


def _guilty(rejection: Rejection, found: list[Suspect]) -> Suspect | None:
    """The EnvoyFilter at fault: the one that Envoy's text repeats, the only one, or the one changed just before."""
    fresh = newest(found, rejection.pushed)
    if any(one.proof for one in found) or len(found) == 1:
        return fresh or found[0]
    return fresh


def _rejections(proxy: Proxy) -> Iterator[Rejection]:
    for kind, found in compare(proxy).types.items():
        message = (found.state.last_error if found.state else "") or "\n".join(text for _, text in found.errors)
        if message:
            names = tuple(dict.fromkeys(name for name, _ in found.errors))
            pushed = found.state.sent_time if found.state else None
            yield Rejection(proxy, kind, names, message, pushed, tuple(_proofs(proxy, kind, found)))


def _proofs(proxy: Proxy, kind: Xds, found: TypeSync) -> Iterator[Proof]:
    if found.state and found.state.last_error:
        holder = proxy.mesh.istiods_of(proxy.id)[0]
        yield Proof(Pointer(holder.entry("debug/syncz.json")), f"lastError: {_first(found.state.last_error)}")
    for resource in proxy.dump.resources(kind) if proxy.dump and found.errors else ():
        if resource.has_error:
            yield Proof(resource.pointer, f"error_state of {resource.name}: rejected")
            break
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
    others = tuple(ref(one.filter) for one in found)
    proofs = list(first.proofs)
    if guilty:
        text = f"the patch holds what Envoy quotes: {guilty.proof}" if guilty.proof else "shapes this proxy"
        text = f"{text}; changed {time:%H:%M:%S}" if (time := changed(guilty.filter)) else text
        proofs.insert(0, Proof(guilty.filter.pointer, text))
    known = meaning(first.message)
    return Evidence(
        origin=ref(guilty.filter) if guilty else pods[0],
        values={
            "kind": first.kind.name,
            "resources": f" ({', '.join(first.resources[:3])})" if first.resources else "",
            "proxies": _names(pods),
            "text": _first(first.message),
            "meaning": f" — {known}" if known else "",
            "cause": _cause(guilty, others),
        },
        objects=(*pods, *others),
        proofs=tuple(proofs),
        affects=tuple(rejection.proxy.id for rejection, _ in members),
        confidence=Confidence.CERTAIN if not found or (guilty and guilty.proof) else Confidence.LIKELY,
    )


def _cause(guilty: Suspect | None, others: tuple[Ref, ...]) -> str:
    if guilty:
        return f"; made by {ref(guilty.filter)}"
    return f"; shaped by one of {', '.join(map(str, others[:5]))}" if others else ""


def _names(pods: list[Ref]) -> str:
    first = f"{pods[0].name}.{pods[0].namespace}"
    return first if len(pods) == 1 else f"{len(pods)} proxies ({first}, …)"


def _first(text: str) -> str:
    """The first line, at most 300 characters."""
    return text.strip().partition("\n")[0][:300]
