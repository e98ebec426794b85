"""istiod cannot read what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod
from bugbundle.mesh.ref import ref
from bugbundle.mesh.signals.logs import istiod_log
from bugbundle.mesh.workloads.index import fronts
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB102",
    per=Istiod,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={"pods", "services"},
    explains={"BB101", "BB151", "BB106", "BB202", "BB301", "BB550"},
    message="{istiod} {what} ({count}× within the last 10 minutes): {text}",
)
def istiod_api_errors(istiod: Istiod) -> Iterator[Evidence]:
    """istiod's log tells, near the capture, of resources that it may not list, or of caches that never synced.

    ## Why it matters
    istiod does not see what it cannot list: objects of that kind have no effect, or endpoints are out of date. Before
    the first sync it does not become ready at all.

    ## What to do
    «cannot list resource»: the ClusterRole of istiod's ServiceAccount lacks it (often after an upgrade of the
    revision). «connection refused» and time-outs: the API server.
    """
    log = istiod_log(istiod.mesh, istiod.namespace, istiod.name)
    lines = log.recent("list", "watch", "cache_sync", "retry_budget") if log else []
    if not lines:
        return
    forbidden = [line for line in lines if "cannot list" in line.text or "cache sync" in line.text]
    last = (forbidden or lines)[-1]
    yield Evidence(
        origin=ref(istiod),
        values={"istiod": istiod.id, "what": _what(last.whole), "count": len(lines), "text": last.said},
        objects=fronts(istiod),
        proofs=(last.proof,),
        level=Level.ERROR if forbidden else Level.WARNING,
        confidence=Confidence.LIKELY,
        at=last.at,
    )


def _what(text: str) -> str:
    """What istiod cannot do, in plain words."""
    named = re.search(r'cannot (list|watch) resource "([\w-]+)"(?: in API group "([\w.-]*)")?', text)
    if named:
        return f"may not {named[1]} {named[2]}{f'.{named[3]}' if named[3] else ''}: its ClusterRole lacks them"
    if "cache sync" in text:
        return "waits for caches that never sync"
    return "cannot read from the Kubernetes API"
