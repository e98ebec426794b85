"""What one Envoy did with a connection and a request, and the cluster by which they leave.

Sources: source/common/router/router.cc and tcp_proxy.cc (a cluster that is missing, or has no host).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bugbundle.mesh.ref import Ref
from bugbundle.trace.clusters import Target, target
from bugbundle.trace.config import Envoy
from bugbundle.trace.connection import Connection
from bugbundle.trace.matchers import Headers
from bugbundle.trace.model import Ending, Request, Resource, Step
from bugbundle.trace.whatif import changes


@dataclass(slots=True)
class Passage:
    """What one Envoy did. `ending` is None where it sent the request on to `target`.

    `made` is the object behind the ending; `listener`, `chain`, `route`, `virtual_host` are names.
    """

    envoy: Envoy
    connection: Connection
    request: Request
    steps: list[Step] = field(default_factory=list)
    ending: Ending | None = None
    code: int | None = None
    flag: str = ""
    details: str = ""
    made: Ref | None = None
    reason: str = ""
    listener: str = ""
    chain: str = ""
    route: str = ""
    virtual_host: str = ""
    cluster: str = ""
    clusters: list[str] = field(default_factory=list)
    target: Target | None = None
    http: bool = False
    protocol: str = ""
    headers: Headers = field(default_factory=Headers)
    unmodelled: str = ""
    tls: dict[str, Any] = field(default_factory=dict)
    alpn: bool = False
    """Whether Istio's ALPN filter sets what mTLS to the next proxy offers."""

    def adapted(self, items: list[dict[str, Any]], *, http: bool) -> list[dict[str, Any]]:
        """Filters as they would be with the objects that are tried (`bugbundle.trace.whatif`); what goes out stays."""
        tried = changes(self.envoy.proxy.mesh)
        inbound = self.listener.startswith(("virtualInbound", "main_internal"))
        if tried is None or (self.envoy.proxy.kind == "sidecar" and not inbound):
            return items
        return tried.filters(items, self.envoy.proxy.pod, self.chain, http)

    def say(self, stage: str, decision: str, resource: Resource | None = None, made: Ref | None = None) -> None:
        """One more step."""
        self.steps.append(Step(f"{self.envoy.title}: {stage}", decision, resource, made))

    def end(self, ending: Ending, reason: str, *, code: int | None = None, flag: str = "", details: str = "") -> None:
        """Here it ends."""
        self.ending, self.reason, self.code, self.flag, self.details = ending, reason, code, flag, details


_NOT_FOUND = {"": 503, "SERVICE_UNAVAILABLE": 503, "NOT_FOUND": 404, "INTERNAL_SERVER_ERROR": 500}


def inside(resource: Resource, place: str) -> Resource:
    """A place inside a resource."""
    return resource._replace(pointer=resource.pointer + place)


def leave(passage: Passage, names: list[str], missing: str | None) -> None:
    """The cluster that takes the request: the first of `names` that exists, `clusters` all of them.

    `missing` is `cluster_not_found_response_code` for HTTP, None for TCP.
    """
    passage.clusters = names
    found = [(name, target(passage.envoy, name)) for name in names]
    gone = [name for name, one in found if one is None]
    if gone and len(gone) == len(found):
        passage.cluster = names[0]
        code = None if missing is None else _NOT_FOUND.get(missing, 503)
        passage.say("cluster", f"{' and '.join(gone)} {'does' if len(gone) == 1 else 'do'} not exist")
        passage.end(
            Ending.NO_CLUSTER, f"Envoy has no cluster {gone[0]}", code=code, flag="NC", details="cluster_not_found"
        )
        return
    if gone:
        passage.say("cluster", f"{', '.join(gone)} does not exist: these requests fail (NC)")
    usable = [one for _, one in found if one is not None]
    best = next((one for one in usable if one.hosts or one.kind == "ORIGINAL_DST" or not one.known), usable[0])
    passage.cluster, passage.target = best.name, best
    _endpoint(passage, best)


def _endpoint(passage: Passage, found: Target) -> None:
    """Whether the cluster has anything to send to."""
    code = 503 if passage.http else None
    if found.kind == "ORIGINAL_DST":
        passage.say("cluster", f"{found.name}: to the original destination", found.resource, found.made)
        return
    if not found.known:
        passage.say("cluster", f"{found.name}, {found.kind}", found.resource, found.made)
        passage.end(Ending.INSUFFICIENT_INFO, f"the endpoints of cluster {found.name} were not recorded")
        return
    total = len(found.all_hosts)
    shown = ", ".join(str(one.endpoint) for one in found.hosts[:3]) + (", …" if len(found.hosts) > 3 else "")
    if found.hosts:
        more = f" of {total}" if total != len(found.hosts) else ""
        said = f"{found.name}, {found.kind}; {len(found.hosts)}{more} endpoint{'s' if total > 1 else ''}: {shown}"
        passage.say("cluster", said, found.endpoints_resource or found.resource, found.made)
        return
    why = "has no endpoints" if not total else f"has {total} endpoints, none of them healthy"
    passage.say("cluster", f"{found.name} {why}", found.endpoints_resource or found.resource, found.made)
    passage.made = passage.made or found.made
    ending = Ending.NO_HEALTHY_ENDPOINT
    passage.end(
        ending, f"cluster {found.name} {why}", code=code, flag="UH", details="no_healthy_upstream" if code else ""
    )
