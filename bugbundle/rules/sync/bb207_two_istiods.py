"""One proxy, two connections."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB207",
    per=Mesh,
    level=Level.INFO,
    reads={Source.ISTIOD_SYNCZ},
    optional={"pods"},
    diagnosis=False,
    message="{proxy} is listed by {count} replicas of istiod: {istiods}",
)
def two_istiods(mesh: Mesh) -> Iterator[Evidence]:
    """Two replicas of istiod list the same proxy in debug/syncz.

    ## Why it matters
    The proxy has moved from one replica to another and the first has not noticed yet (or two pods claim one name):
    what the older one says of it is out of date.

    ## What to do
    Nothing, if it is gone in the next recording. If it stays for more than ten minutes, look at what closes streams
    without telling (load balancers, NAT) and at istiod's keepalive settings.
    """
    seen: dict[str, int] = {}
    for istiod in mesh.istiods:
        for proxy in istiod.syncz:
            seen[proxy] = seen.get(proxy, 0) + 1
    for proxy, count in sorted(seen.items()):
        if count < 2:
            continue
        name, _, namespace = proxy.partition(".")
        holders = mesh.istiods_of(proxy)
        yield Evidence(
            origin=Ref("Pod", namespace, name),
            values={"proxy": proxy, "count": count, "istiods": ", ".join(one.name for one in holders)},
            objects=tuple(ref(one) for one in holders),
            proofs=tuple(Proof(Pointer(one.entry("debug/syncz.json")), f"proxy {proxy}") for one in holders),
            confidence=Confidence.LIKELY,
        )
