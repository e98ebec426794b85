"""istiod sent, Envoy never acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.bundle.manifest import parse_time
from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh, Pointer, Proxy
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import Line, proxy_log
from bugbundle.mesh.workloads.owners import control_plane
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.lib.aggregate import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule
from bugbundle.sync import ProxySync, TypeSync, Verdict, compare
from bugbundle.words import some

WARN_SECONDS = 30.0
ERROR_SECONDS = 300.0


@rule(
    "BB202",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ISTIOD_SYNCZ},
    optional={Source.ENVOY_CONFIG_DUMP, Source.ISTIOD_CONFIG_DUMP, Source.ISTIOD_EDSZ, Source.LOG, "pods"},
    explains={"BB204", "BB206", "BB208", "BB301", "BB302", "BB750", "BB402"},
    message="{proxy} did not acknowledge {types} for {age} (STALE) and kept the old configuration{drift}{reason}",
)
def stale(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """istiod sent a push and Envoy answered neither ACK nor NACK: STALE, with its age.

    A push younger than 30 seconds may be under way. Older than five minutes it is an Error; sooner, where the silence
    can be told from a slow push: other proxies of the same istiod acknowledged pushes as new, while this one is silent
    on several types or lacks what istiod has.

    ## Why it matters
    The proxy serves requests with the configuration it had: new Services, routes, endpoints and policies do not reach
    it, and deleted endpoints stay in use.

    ## What to do
    Look at the path between the pod and istiod's port 15012 (NetworkPolicy, firewall, a node in trouble) and at the
    proxy's CPU. Restarting the pod opens a new connection. A connection that is cut silently is noticed only by
    keepalives: check istiod's `--keepaliveInterval` and `--keepaliveTimeout`.
    """
    yield from together(one for proxy in mesh.proxies for one in _stale(proxy))


def _stale(proxy: Proxy) -> Iterator[Evidence]:
    found = compare(proxy)
    late = [
        one
        for one in found.types.values()
        if one.verdict is Verdict.STALE and (one.age is None or one.age > WARN_SECONDS)
    ]
    if not late:
        return
    holder = proxy.mesh.istiods_of(proxy.id)[0]
    ages = [one.age for one in late if one.age is not None]
    oldest = max(ages, default=0.0)
    lively = _others(proxy.mesh, holder, proxy.id, oldest)
    silent = lively > 0 and (len(late) > 1 or any(one.drifts for one in late))
    lines = _troubles(proxy)
    dead = oldest > ERROR_SECONDS or silent
    yield Evidence(
        origin=ref(proxy),
        values={
            "proxy": proxy.id,
            "types": ", ".join(one.kind.name for one in late),
            "age": span(oldest) if ages else "an unknown time",
            "drift": _drift(found),
            "reason": _reason(lively, lines),
        },
        objects=(ref(holder), *control_plane(proxy)),
        proofs=(*(_proof(holder, one) for one in late), *(line.proof for line in lines[-2:])),
        affects=(proxy.id,),
        level=Level.ERROR if dead else Level.WARNING,
        confidence=Confidence.CERTAIN if dead else Confidence.LIKELY,
    )


def _others(mesh: Mesh, holder: Istiod, proxy_id: str, age: float) -> int:
    """Other proxies of the same istiod that acknowledged a push at least as new."""
    count = 0
    for other in holder.syncz:
        if other == proxy_id or mesh.now is None:
            continue
        for state in holder.states(other).values():
            sent = state.sent_time
            if state.status == "SYNCED" and sent and (mesh.now - sent).total_seconds() <= age + 1:
                count += 1
                break
    return count


def _troubles(proxy: Proxy) -> list[Line]:
    """What the agent says of its connection to istiod near the capture."""
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    return log.recent("upstream_failed", "upstream_ended", "stream_closed") if log else []


def _drift(found: ProxySync) -> str:
    count = len(found.drifts)
    if not count:
        return ""
    first = found.drifts[0]
    return (
        f"; {some(count, 'xDS resource')} {'differs' if count == 1 else 'differ'} from istiod's "
        f"({first.kind.name} {first.name} {first.change}{', …' if count > 1 else ''})"
    )


def _reason(lively: int, lines: list[Line]) -> str:
    if lines:
        return f"; its agent says: {lines[-1].said}"
    if lively:
        return (
            f"; {'another proxy' if lively == 1 else f'{lively} other proxies'} of this istiod acknowledged as much: "
            "its own connection is dead or stuck"
        )
    return ""


def _proof(holder: Istiod, one: TypeSync) -> Proof:
    sent, acked = (_time(one.state.sent), _time(one.state.acked)) if one.state else ("", "")
    last = f"the last push that it acknowledged was of {acked}" if acked else "it has acknowledged none"
    return Proof(Pointer(holder.entry("debug/syncz.json")), f"{one.kind.name} sent {sent or 'once'}, {last}")


def _time(nonce: str) -> str:
    """`2026-11-21T01:55:01Z/11770475e5-…` → the time in front; empty where it has none."""
    head = nonce.partition("/")[0]
    return head if parse_time(head) else ""
