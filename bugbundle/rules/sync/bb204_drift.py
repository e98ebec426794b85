"""istiod calls a proxy SYNCED, and the two accounts differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.owners import config_ref
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.lib.aggregate import together
from bugbundle.rules.model import Blind, Confidence, Evidence, Level, rule
from bugbundle.sync import Drift, Meaning, ProxySync, compare
from bugbundle.words import some

TOLD_ELSEWHERE = {Meaning.REJECTED, Meaning.STALE, Meaning.DISCONNECTED, Meaning.WARMING, Meaning.IN_FLIGHT}
"""Differences that another rule explains (BB201, BB202, BB203, BB206), or that mean nothing yet."""

CLOSE_SECONDS = 30.0
"""Accounts taken nearer to each other than this can be held against each other."""


@rule(
    "BB204",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ENVOY_CONFIG_DUMP, Source.ISTIOD_CONFIG_DUMP},
    optional={Source.ISTIOD_SYNCZ, Source.ISTIOD_EDSZ, "pods"},
    message="{count} of {proxy} ({kinds}) {verb} from istiod's though SYNCED: {first}{apart}",
)
def drift(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """Envoy's configuration is not what istiod says it should be, and neither a NACK nor a STALE explains it.

    Compared by meaning (protobuf's, not text), resource by resource, for CDS, LDS, RDS, EDS and ECDS.

    ## Why it matters
    A difference that istiod does not know of heals only when the resource changes again. Where both accounts were
    recorded close together it means that xDS lost an update; further apart, a change in between explains it as well.

    ## What to do
    Record the proxy again. If the same resource differs again, restart the pod (its stream starts anew) and report
    the difference with both values: `bugbundle proxy-status BUNDLE POD.NS` shows them.
    """
    yield from together(one for proxy in mesh.proxies for one in _drifting(proxy))


def _drifting(proxy: Proxy) -> Iterator[Evidence]:
    found = compare(proxy)
    odd = [one for one in found.drifts if one.meaning not in TOLD_ELSEWHERE]
    if not odd:
        return
    counts = Counter(one.kind.name for one in odd)
    apart = found.apart
    close = apart is not None and apart <= CLOSE_SECONDS
    yield Evidence(
        origin=ref(proxy),
        values={
            "proxy": proxy.id,
            "count": some(len(odd), "xDS resource"),
            "verb": "differs" if len(odd) == 1 else "differ",
            "kinds": ", ".join(f"{name} {count}" for name, count in counts.items()),
            "first": f"{odd[0].kind.name} {odd[0].name} {odd[0].change}",
            "apart": f"; recorded {span(apart)} apart" if apart else "",
        },
        objects=tuple(made for one in odd[:20] if (made := config_ref(one.config))),
        proofs=tuple(_proofs(odd)),
        affects=(proxy.id,),
        level=Level.WARNING if close else Level.INFO,
        confidence=Confidence.LIKELY if close and _steady(found) else Confidence.POSSIBLE,
    )


def _steady(found: ProxySync) -> bool:
    """No push within the last minute."""
    return all(one.age is None or one.age > 60 for one in found.types.values())


def _proofs(odd: list[Drift]) -> Iterator[Proof]:
    for one in odd[:3]:
        place = one.envoy or one.istiod
        if place:
            fields = ", ".join(field.path for field in one.fields[:3])
            yield Proof(place, f"{one.change}{f' in {fields}' if fields else ''}: {one.meaning}")
