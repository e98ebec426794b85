"""A running proxy that no istiod knows."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.revisions import tags
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import Line, proxy_log
from bugbundle.mesh.workloads.owners import control_plane, discovery_address
from bugbundle.mesh.workloads.pod_age import SETTLING, expected, running_for, span
from bugbundle.rules.lib.aggregate import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule
from bugbundle.sync import compare
from bugbundle.xds import Xds


@rule(
    "BB203",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.ISTIOD_SYNCZ},
    optional={
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        Source.ENVOY_CONFIG_DUMP,
        Source.ISTIOD_CONFIG_DUMP,
        Source.ISTIOD_EDSZ,
        Source.LOG,
        "pods",
    },
    explains={"BB202", "BB204", "BB206", "BB208", "BB301", "BB302", "BB306", "BB402", "BB750"},
    message="{proxy} had no connection to any istiod{since} and {kept} configuration{lacks}{reason}",
)
def not_connected(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """The proxy's container runs, and no replica of istiod lists it in debug/syncz.

    Not judged where a replica could not be asked, or where no istiod of the proxy's revision was recorded. What it
    lacks is told by a sibling: a proxy of the same namespace that is connected, whose account istiod gave.

    ## Why it matters
    The proxy gets no more changes: it keeps routing to endpoints that are gone, knows no new Service, and its
    certificate cannot be renewed. The pod stays Ready, so nothing else tells of it.

    ## What to do
    Look at the path from the pod to its discovery address, port 15012 (NetworkPolicy, firewall, DNS), and at the last
    lines of the proxy's log that are quoted here. Restart the pod once the path is free.
    """
    yield from together(one for proxy in mesh.proxies for one in _not_connected(proxy))


def _not_connected(proxy: Proxy) -> Iterator[Evidence | Blind]:
    if not expected(proxy):
        return
    found = compare(proxy)
    if found.connected is None:
        yield Blind(proxy.id, tuple(f"istiod {text}" for text in found.blind))
        return
    if found.connected:
        return
    if stranger := _stranger(proxy):
        yield Blind(proxy.id, (f"no istiod of revision {stranger} in this bundle",))
        return
    age = running_for(proxy)
    lines = _troubles(proxy)
    lacks = _lacks(proxy)
    yield Evidence(
        origin=ref(proxy),
        values={
            "proxy": proxy.id,
            "since": _since(lines, proxy),
            "kept": "kept the old" if _configured(proxy) else "got no",
            "lacks": _told(lacks),
            "reason": f"; its agent says: {lines[-1].said}" if lines else "",
        },
        objects=control_plane(proxy),
        proofs=(*_absence(proxy), *(line.proof for line in lines[-2:])),
        affects=(proxy.id,),
        level=Level.ERROR if age is None or age >= SETTLING else Level.WARNING,
        confidence=Confidence.CERTAIN if lines or lacks else Confidence.LIKELY,
    )


def _troubles(proxy: Proxy) -> list[Line]:
    """What the agent said of its connection after it last succeeded."""
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    if log is None:
        return []
    good = [line for line in log.all("connected") if "connected to" in line.text]
    after = good[-1].number if good else 0
    bad = log.all("upstream_failed", "upstream_ended", "stream_closed", "dns")
    return [line for line in bad if line.number > after]


def _stranger(proxy: Proxy) -> str:
    """The revision that injected the proxy, where no istiod of it was recorded; empty otherwise.

    Where that control plane was removed, its Service is gone too, which BB307 tells.
    """
    named = proxy.pod.annotations.get("istio.io/rev", "") if proxy.pod else ""
    revision = tags(proxy.mesh).get(named, named)
    return named if revision and revision not in {one.revision for one in proxy.mesh.istiods} else ""


def _told(lacks: list[str]) -> str:
    more = f" and {len(lacks) - 1} more" if len(lacks) > 1 else ""
    return f"; it lacks {lacks[0]}{more} that its neighbours have" if lacks else ""


def _configured(proxy: Proxy) -> bool:
    """Whether it ever received a cluster; taken as yes where its dump was not recorded."""
    return proxy.dump is None or proxy.dump.has(Xds.CDS, "dynamic_active")


def _since(lines: list[Line], proxy: Proxy) -> str:
    now = proxy.mesh.now
    first = next((line.at for line in lines if line.at), None)
    return f" for {span((now - first).total_seconds())}" if now and first and now > first else ""


def _absence(proxy: Proxy) -> Iterator[Proof]:
    for istiod in proxy.mesh.istiods:
        yield Proof(Pointer(istiod.entry("debug/syncz.json")), f"{len(istiod.syncz)} proxies, not {proxy.id}")
    if proxy.metadata:
        yield Proof(Pointer(proxy.entry("config_dump.json")), f"discoveryAddress {discovery_address(proxy)}")


def _lacks(proxy: Proxy) -> list[str]:
    """Outbound clusters that istiod gives to a connected sibling and this proxy lacks."""
    sibling = _sibling(proxy.mesh, proxy)
    if sibling is None or proxy.dump is None:
        return []
    account = proxy.mesh.istiods_of(sibling.id)[0].account(sibling.id)
    theirs = account.column(Xds.CDS, "dynamic_active").names if account else frozenset()
    mine = proxy.dump.column(Xds.CDS, "dynamic_active").names
    return sorted(name for name in theirs if name.startswith("outbound|") and name not in mine)


def _sibling(mesh: Mesh, proxy: Proxy) -> Proxy | None:
    """A connected proxy of the same kind and namespace, of the same app where there is one."""
    app = proxy.pod.labels.get("app") if proxy.pod else None
    near = [
        other
        for other in mesh.proxies
        if other.namespace == proxy.namespace and other.kind == proxy.kind and mesh.istiods_of(other.id)
    ]
    same = [other for other in near if other.pod and other.pod.labels.get("app") == app]
    return next(iter(same or near), None)
