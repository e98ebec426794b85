"""BB721: requests are refused because a connection pool is full."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.envoys import shaper_of
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

FEWEST = 5
LIMITS = ("maxConnections", "http1MaxPendingRequests", "http2MaxRequests", "maxRetries")


@rule(
    "BB721",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG, Source.ENVOY_CONFIG_DUMP, res.DESTINATION_RULE},
    optional={res.CONFIG_MAP, res.POD},
    explains={"BB750"},
    message="DestinationRule {rule} limits what goes to {target} ({limits}): {requests} refused at once (UO)",
)
def circuit_breaker_open(mesh: Mesh) -> Iterator[Evidence]:
    """Requests fail with UO (overflow), and a DestinationRule limits the connection pool of their cluster.

    ## Why it matters
    Each proxy counts for itself. What exceeds the limit is not queued but answered 503 at once.

    ## What to do
    If the server can take more, raise the limits in `trafficPolicy.connectionPool` of the DestinationRule; if not, it
    needs more replicas or fewer requests: then the circuit breaker does what it is for.
    """
    groups: dict[Ref, list[tuple[str, Fault]]] = defaultdict(list)
    for cluster, found in failures(mesh).towards(("UO",)):
        for fault in found:
            made = shaper_of(fault.proxy, cluster)
            if made is not None and fault.recent:
                groups[made].append((cluster, fault))
    for made, members in groups.items():
        item = mesh.kube.get(res.DESTINATION_RULE, made.namespace, made.name)
        found_ = [fault for _, fault in members]
        if item is None or times(found_) < FEWEST:
            continue
        service = ClusterName(members[0][0]).service
        limits = dict(_limits(item.spec))
        yield Evidence(
            made,
            {
                "rule": f"{made.namespace}/{made.name}",
                "target": str(service or ClusterName(members[0][0]).host),
                "limits": ", ".join(f"{key} {limits[key]}" for key in LIMITS if key in limits) or "connectionPool",
                "requests": some(times(found_), "request"),
            },
            objects=(*((service,) if service else ()), *dict.fromkeys(ref(fault.proxy) for fault in found_)),
            proofs=(Proof(item.at("/spec"), "connectionPool"), *(proof(fault) for fault in found_[-2:])),
            affects=tuple(dict.fromkeys(fault.proxy.id for fault in found_)),
        )


def _limits(spec: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The limits of the rule and of its subsets; the first of each name counts."""
    policies = [as_dict(spec.get("trafficPolicy"))]
    policies += [as_dict(one.get("trafficPolicy")) for one in dicts(spec.get("subsets"))]
    policies += [level for one in list(policies) for level in dicts(one.get("portLevelSettings"))]
    for policy in reversed(policies):
        pool = as_dict(policy.get("connectionPool"))
        for part in ("tcp", "http"):
            yield from as_dict(pool.get(part)).items()
