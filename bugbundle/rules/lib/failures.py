"""Failed requests near the capture, by cluster: the evidence that a suspicion is more than one."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from weakref import WeakKeyDictionary

from bugbundle.mesh import Mesh
from bugbundle.rules.lib.access import Fault, faults
from bugbundle.rules.model import Proof

WITHIN = timedelta(hours=1)
"""How near to the capture a request must be: what it speaks of must still hold."""


class Failures:
    """The recent failures of a mesh, as its proxies logged them."""

    def __init__(self, mesh: Mesh) -> None:
        self._by_cluster: dict[str, list[Fault]] = defaultdict(list)
        for fault in faults(mesh):
            if not (mesh.now and fault.at and mesh.now - fault.at > WITHIN):
                self._by_cluster[fault.cluster].append(fault)

    def of_service(self, namespace: str, name: str, flag: str) -> list[Fault]:
        """Those of the clusters (all ports and subsets) of a Service, as its clients logged them."""
        part = f"|{name}.{namespace}.svc."
        found = (fault for cluster, group in self._by_cluster.items() if part in cluster for fault in group)
        return [fault for fault in found if flag in fault.flags]

    def inbound(self, proxy: str, port: int, flag: str) -> list[Fault]:
        """Those of one proxy towards its own application."""
        found = self._by_cluster.get(f"inbound|{port}||", ())
        return [fault for fault in found if fault.proxy.id == proxy and flag in fault.flags]

    def lost(self) -> list[Fault]:
        """Requests for a host that found no route, or a black hole."""
        found = (f for c in ("", "-", "BlackHoleCluster", "PassthroughCluster") for f in self._by_cluster.get(c, ()))
        return [fault for fault in found if fault.authority not in ("", "-")]

    def denied(self, proxies: set[str]) -> list[Fault]:
        """Requests that these proxies refused by policy."""
        found = (fault for group in self._by_cluster.values() for fault in group)
        return [f for f in found if f.details.startswith("rbac_access_denied") and f.proxy.id in proxies]


_KNOWN: WeakKeyDictionary[Mesh, Failures] = WeakKeyDictionary()


def failures(mesh: Mesh) -> Failures:
    """The failures of a mesh, sorted once."""
    found = _KNOWN.get(mesh)
    if found is None:
        found = _KNOWN[mesh] = Failures(mesh)
    return found


def times(found: list[Fault]) -> int:
    """How many requests they stand for."""
    return sum(fault.count for fault in found)


def proof(fault: Fault) -> Proof:
    """The last of the requests."""
    return Proof(fault.pointer, fault.text)
