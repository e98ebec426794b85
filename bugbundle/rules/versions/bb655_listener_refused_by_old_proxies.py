"""BB655: istiod 1.30.0 or 1.30.1 with sidecars older than 1.29.2."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect.versions import numbers, version_of
from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.revisions import proxy_version
from bugbundle.mesh.ref import Proof, ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.xds import Xds

FIRST, MENDED = (1, 30, 0), (1, 30, 2)
OLD = (1, 29, 2)


@rule(
    "BB655",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ISTIOD_VERSION, Source.ISTIOD_SYNCZ},
    optional={res.POD, Source.ENVOY_CONFIG_DUMP},
    explains={"BB201", "BB202", "BB306", "BB650", "BB750"},
    message="istiod {ours} sends listeners that proxies older than 1.29.2 refuse: {count} ({first}, {theirs}){refused}",
)
def listener_refused_by_old_proxies(mesh: Mesh) -> Iterator[Evidence]:
    """istiod 1.30.0 and 1.30.1 push listeners with a field that Envoy knows since Istio 1.29.2.

    ## Why it matters
    Older proxies NACK every listener: running ones keep the old configuration, new ones never get ready.

    ## What to do
    Upgrade istiod to 1.30.3 or newer, or restart the workloads with a proxy of 1.29.2 or newer first.
    """
    for istiod in mesh.istiods:
        ours = version_of(istiod)
        if not FIRST <= ours < MENDED:
            continue
        old = [
            proxy for name in istiod.syncz if (proxy := mesh.proxy(name)) and () < numbers(proxy_version(proxy)) < OLD
        ]
        bad = [p for p in old if any(s.kind == Xds.LDS and s.last_error for s in istiod.states(p.id).values())]
        if not old:
            continue
        yield Evidence(
            ref(istiod),
            {
                "ours": ".".join(map(str, ours)),
                "count": "one such proxy" if len(old) == 1 else f"{len(old)} such proxies",
                "first": (bad or old)[0].id,
                "theirs": proxy_version((bad or old)[0]),
                "refused": f"; {len(bad)} refused their listeners" if bad else "",
            },
            objects=tuple(ref(proxy) for proxy in (*bad, *old)[:50]),
            proofs=(Proof(Pointer(istiod.entry("version.txt")), ".".join(map(str, ours))),),
            affects=tuple(proxy.id for proxy in bad),
            level=Level.ERROR if bad else Level.WARNING,
        )
