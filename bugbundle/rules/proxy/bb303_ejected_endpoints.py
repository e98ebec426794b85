"""Endpoints that outlier detection has thrown out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.envoys import shaper_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.failures import failures, times
from bugbundle.mesh.workloads.owners import ClusterName
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

MARK = b"failed_outlier_check"
SHARE = 0.3
"""Of a cluster's endpoints; fewer is what outlier detection is for."""


@rule(
    "BB303",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.ENVOY_CLUSTERS},
    optional={Source.ENVOY_CONFIG_DUMP, Source.LOG, "configmaps", "pods"},
    explains={"BB302", "BB750"},
    message="outlier detection{by} of {proxies} has ejected {count} of {cluster}{failing}",
)
def ejected_endpoints(mesh: Mesh) -> Iterator[Evidence]:
    """Envoy's `clusters` says `failed_outlier_check` for more than 30 % of a cluster's endpoints.

    The endpoints still read HEALTHY: ejection is a state of its own, each proxy's own.

    ## Why it matters
    The remaining endpoints carry all the load; with all ejected, Envoy answers 503 (UH) or ignores the ejection
    (panic threshold).

    ## What to do
    Look at why the endpoints fail (their inbound access log), then at `outlierDetection` of the DestinationRule:
    `consecutive5xxErrors`, `maxEjectionPercent`, `baseEjectionTime`.
    """
    groups: dict[str, list[tuple[Proxy, int, int]]] = {}
    for proxy in mesh.proxies:
        if MARK not in (proxy.data("clusters.json") or b""):
            continue
        for status in dicts(as_dict(proxy.json("clusters.json")).get("cluster_statuses")):
            hosts = dicts(status.get("host_statuses"))
            out = sum(map(_ejected, hosts))
            if hosts and out / len(hosts) > SHARE:
                groups.setdefault(as_text(status.get("name")), []).append((proxy, out, len(hosts)))
    for name, members in sorted(groups.items()):
        proxy, out, total = max(members, key=lambda one: one[1])
        service = ClusterName(name).service
        pods = tuple(ref(one) for one, _, _ in members)
        made = shaper_of(proxy, name)
        failing = times([f for cluster, found in failures(mesh).towards(("UH",)) if cluster == name for f in found])
        yield Evidence(
            origin=service or pods[0],
            values={
                "proxies": proxy.id if len(members) == 1 else f"{len(members)} proxies",
                "by": f" (DestinationRule {made.namespace}/{made.name})" if made else "",
                "count": f"{out} of {some(total, 'endpoint')}" if out < total else f"every endpoint ({total})",
                "cluster": f"{service}, cluster {name}" if service else name,
                "failing": f": {some(failing, 'request')} found no healthy endpoint" if failing else "",
            },
            objects=(*((made,) if made else ()), *pods),
            proofs=(Proof(Pointer(proxy.entry("clusters.json")), f"{name}: {out} × failed_outlier_check"),),
            affects=tuple(one.id for one, _, _ in members),
            level=Level.ERROR if out == total and failing else Level.WARNING,
            confidence=Confidence.CERTAIN,
        )


def _ejected(host: dict[str, Any]) -> bool:
    return bool(as_dict(host.get("health_status")).get("failed_outlier_check"))
