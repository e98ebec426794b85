"""Who is asked first: what is told before a budget ends, or before Ctrl-C, should be what matters most.

The control plane, then what is not well, gateways, waypoints, ztunnels and istio-cni; then the other proxies, spread
over workloads and nodes, so that half of them tell of all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bugbundle.collect.pods import Pod

MANAGED = "gateway.istio.io/managed"
WAYPOINT = "istio.io-mesh-controller"
ISTIOD, UNWELL, GATEWAY, WAYPOINTS, ZTUNNEL, CNI, PROXY, OTHER = range(8)
_KINDS = {"istiod": ISTIOD, "ztunnel": ZTUNNEL, "cni": CNI}


def rank(pod: Pod) -> int:
    """Its place among the others, from 0."""
    if pod.kind == "istiod":
        return ISTIOD
    if pod.kind and not pod.well:
        return UNWELL
    if pod.kind in _KINDS:
        return _KINDS[pod.kind]
    if pod.kind == "proxy" and pod.labels.get(MANAGED) == WAYPOINT:
        return WAYPOINTS
    if pod.kind == "proxy" and (MANAGED in pod.labels or len(pod.containers) == 1):
        return GATEWAY
    return PROXY if pod.kind else OTHER


def ordered(pods: Iterable[Pod]) -> list[Pod]:
    """By rank; of one rank, the first of each workload before the second of any, and the nodes in turn."""
    workloads, nodes = Counter[tuple[int, str, str]](), Counter[tuple[int, str]]()
    found = []
    for pod in sorted(pods, key=lambda pod: pod.id):
        place = rank(pod)
        workload, node = (place, pod.namespace, pod.workload), (place, pod.node)
        workloads[workload] += 1
        nodes[node] += 1
        found.append(((place, workloads[workload], nodes[node]), pod))
    return [pod for _, pod in sorted(found, key=lambda pair: (pair[0], pair[1].id))]
