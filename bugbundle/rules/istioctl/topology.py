"""Labels that Istio adds to a workload from its node."""

from __future__ import annotations

from collections.abc import Mapping

from bugbundle.mesh.selectors import contains
from bugbundle.mesh.workloads.index import Index, node_of

FROM_NODE = ("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone")
HOST = "kubernetes.io/hostname"


def selects(index: Index, nodes: Mapping[str, Mapping[str, str]], wanted: Mapping[str, str]) -> bool:
    """Whether any pod of the mesh carries all wanted labels, its node's included."""
    place = {key: value for key, value in wanted.items() if key in (*FROM_NODE, HOST)}
    rest = {key: value for key, value in wanted.items() if key not in place}
    if not place:
        return index.has(rest)
    for pod in index.select(rest):
        node = nodes.get(node_of(pod), {})
        added = {HOST: node_of(pod), **{key: node[key] for key in FROM_NODE if node.get(key)}}
        if contains({**pod.labels, **added}, place):
            return True
    return False
