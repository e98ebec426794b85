"""BB718: requests go to a name that the proxy's DNS does not resolve."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Pointer, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import hosts
from bugbundle.mesh.facts import ClusterFacts
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some
from bugbundle.xds import Xds

FEWEST, MANY = 3, 10
"""Requests: fewer are passed over; many make an Error of it."""

DNS = frozenset({"STRICT_DNS", "LOGICAL_DNS"})


@rule(
    "BB718",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, Source.ENVOY_CLUSTERS, Source.ENVOY_CONFIG_DUMP},
    optional={res.SERVICE_ENTRY, res.SERVICE, res.POD, res.CONFIG_MAP},
    explains={"BB302", "BB750"},
    message="{owner} sends to the name {name}, which {proxies} cannot resolve: {requests} failed",
)
def name_not_resolved(mesh: Mesh) -> Iterator[Evidence]:
    """Requests to a cluster whose endpoints come from DNS fail, and Envoy's `clusters` has no address for it.

    ## Why it matters
    Envoy resolves the name itself, in the pod: without an address there is no endpoint, and every request answers 503
    (UH, or DF).

    ## What to do
    Look the name up from such a pod. Correct the host (or `endpoints`) of the ServiceEntry, or the `externalName` of
    the Service; or make the name known to the DNS that the pods use. With addresses that do not change, use resolution
    STATIC.
    """
    groups: dict[str, list[tuple[Proxy, Fault]]] = defaultdict(list)
    for cluster, found in failures(mesh).towards(("UH", "DF")):
        for fault in found:
            if fault.recent and _unresolved(fault.proxy, cluster):
                groups[cluster].append((fault.proxy, fault))
    for cluster, members in groups.items():
        host = ClusterName(cluster).host
        if times([fault for _, fault in members]) < FEWEST:
            continue
        proxy, last = members[-1]
        target = hosts(mesh).find(host, proxy.namespace)
        owner = target.source if target else None
        proxies = list(dict.fromkeys(one.id for one, _ in members))
        yield Evidence(
            ref(owner) if owner else ref(proxy),
            {
                "owner": str(owner) if owner else f"cluster {cluster}",
                "name": _name(owner, host),
                "proxies": proxies[0] if len(proxies) == 1 else f"{len(proxies)} proxies",
                "requests": some(times([fault for _, fault in members]), "request"),
            },
            objects=tuple(dict.fromkeys(ref(one) for one, _ in members)),
            proofs=(Proof(Pointer(proxy.entry("clusters.json")), f"{cluster}: no address"), proof(last)),
            affects=tuple(proxies),
            level=Level.ERROR if times([fault for _, fault in members]) >= MANY else Level.WARNING,
        )


def _name(owner: KubeObject | None, host: str) -> str:
    return as_text(owner.spec.get("externalName")) or host if owner else host


def _unresolved(proxy: Proxy, cluster: str) -> bool:
    """Whether a proxy has a cluster whose endpoints come from DNS, and not one address for it."""
    known = proxy.dump.named(Xds.CDS).get(cluster) if proxy.dump else None
    facts = known.facts() if known else None
    if not isinstance(facts, ClusterFacts) or facts.type not in DNS:
        return False
    page: dict[str, Any] = as_dict(proxy.json("clusters.json"))
    found = [one for one in dicts(page.get("cluster_statuses")) if one.get("name") == cluster]
    return bool(found) and not any(dicts(one.get("host_statuses")) for one in found)
