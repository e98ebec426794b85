"""An object that changes all the time, and makes istiod push all the time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import service_of
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import time_of
from bugbundle.mesh.workloads.index import fronts, index
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import clip

RECENT = timedelta(minutes=10)
WINDOW = timedelta(minutes=1)
STORM = 60
"""Full pushes in one minute. istiod gathers changes for 100 ms to 10 s: a quiet mesh pushes a few times an hour."""

_PUSH = re.compile(
    r"^(\S+)\s.*Push debounce stable\[\d+\] (\d+) for (config|reason) (\S+)[^\n]*full=true", re.MULTILINE
)


class Push(NamedTuple):
    """One full push: when (seconds since 1970), for what, and its line's number."""

    at: float
    what: str
    number: int
    text: str


@rule(
    "BB110",
    per=Istiod,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={res.SERVICE, res.POD, res.REPLICA_SET},
    explains={"BB107", "BB202", "BB206", "BB103"},
    message="{istiod} pushes its whole configuration {rate} times a minute{who}",
)
def push_storm(istiod: Istiod) -> Iterator[Evidence]:
    """istiod's log has more than 60 full pushes in one minute near the capture.

    ## Why it matters
    Each full push makes istiod generate, and every proxy take, the configuration of the whole mesh: CPU and memory of
    istiod and of Envoys rise, changes arrive late, connections are drained again and again.

    ## What to do
    Find who writes the object that the pushes are for: two controllers that undo each other, an operator that writes at
    each reconcile, a pod whose readiness flaps behind a Service. `kubectl get … -w -o yaml --show-managed-fields` shows
    it. `PILOT_DEBOUNCE_AFTER` and `PILOT_DEBOUNCE_MAX` soften it meanwhile.
    """
    found = istiod.log("discovery")
    now = istiod.mesh.bundle.at(found[0].entry) or istiod.mesh.now if found else None
    if found is None or now is None:
        return
    pushes = [one for one in _pushes(found[1]) if now.timestamp() - one.at < RECENT.total_seconds()]
    worst = _densest(pushes)
    if len(worst) < STORM:
        return
    (what, times), *_ = Counter(one.what for one in worst).most_common(1)
    named = what if 2 * times >= len(worst) else ""
    last = worst[-1]
    objects = list(_objects(istiod.mesh, named))
    yield Evidence(
        objects[0] if objects else ref(istiod),
        {
            "istiod": istiod.id,
            "rate": len(worst),
            "who": f", {times} of them for {objects[0] if objects else named}" if named else "",
        },
        objects=(*objects, ref(istiod), *((workload(istiod.mesh, istiod.pod),) if istiod.pod else ()), *fronts(istiod)),
        proofs=(Proof(Pointer(found[0].entry, f"line {last.number}"), clip(last.text)),),
        affects=(istiod.id,),
        confidence=Confidence.LIKELY,
    )


def _pushes(text: str) -> Iterator[Push]:
    number, place = 1, 0
    for match in _PUSH.finditer(text):
        number += text.count("\n", place, match.start())
        place = match.start()
        at = time_of(match[1].encode())
        if at is not None:
            yield Push(at.timestamp(), match[4].rstrip(":"), number, match[0].replace("\t", " "))


def _densest(pushes: list[Push]) -> list[Push]:
    """The pushes of the minute that has most of them."""
    best, start = (0, 0), 0
    for end, one in enumerate(pushes):
        while one.at - pushes[start].at > WINDOW.total_seconds():
            start += 1
        best = max(best, (end + 1 - start, end + 1))
    return pushes[best[1] - best[0] : best[1]]


def _objects(mesh: Mesh, key: str) -> Iterator[Ref]:
    """`ServiceEntry/shop/web.shop.svc.cluster.local` → the Service, and the workload of its pods; else the object."""
    kind, _, rest = key.partition("/")
    namespace, _, name = rest.partition("/")
    if not name:
        return
    known = service_of(name, namespace) if kind == "ServiceEntry" else None
    service = mesh.kube.get(res.SERVICE, *known) if known else None
    if service is None:
        yield Ref(kind, namespace, name)
        return
    yield ref(service)
    yield from dict.fromkeys(workload(mesh, pod) for pod in index(mesh).pods_of(service)[:50])
