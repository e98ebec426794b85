"""Failed requests near the capture, by cluster: the evidence that a suspicion is more than one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.config.hosts import service_of
from bugbundle.mesh.kinds import SERVICE
from bugbundle.mesh.kube import as_list, as_text
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof
from bugbundle.mesh.signals.access import Fault, faults
from bugbundle.mesh.workloads.owners import ClusterName

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
        """Requests for something that found no route, or a black hole."""
        found = (f for c in ("", "-", "BlackHoleCluster", "PassthroughCluster") for f in self._by_cluster.get(c, ()))
        return [fault for fault in found if not fault.inbound and (fault.authority or fault.sni or fault.local)]

    def refused(self) -> list[Fault]:
        """Requests that a policy refused at the server."""
        found = (fault for group in self._by_cluster.values() for fault in group)
        return [fault for fault in found if fault.details.startswith("rbac_access_denied")]

    def flagged(self, flags: tuple[str, ...]) -> list[Fault]:
        """Those with one of these response flags."""
        return [fault for group in self._by_cluster.values() for fault in group if set(flags) & set(fault.flags)]

    def towards(self, flags: tuple[str, ...]) -> Iterator[tuple[str, list[Fault]]]:
        """(cluster, failures with one of these flags) of the clusters that clients have."""
        for cluster, group in self._by_cluster.items():
            found = [fault for fault in group if set(flags) & set(fault.flags)]
            if found and cluster.startswith("outbound|"):
                yield cluster, found

    def denied(self, proxies: set[str]) -> list[Fault]:
        """Requests that these proxies refused by policy."""
        found = (fault for group in self._by_cluster.values() for fault in group)
        return [f for f in found if f.details.startswith("rbac_access_denied") and f.proxy.id in proxies]


@once
def failures(mesh: Mesh) -> Failures:
    """The failures of a mesh, sorted once."""
    return Failures(mesh)


def times(found: list[Fault]) -> int:
    """How many requests they stand for."""
    return sum(fault.count for fault in found)


def proof(fault: Fault) -> Proof:
    """The last of the requests."""
    return Proof(fault.pointer, fault.text)


def called(mesh: Mesh, fault: Fault) -> KubeObject | None:
    """The Service that a client meant: by its cluster, the host it asked for, or the address it connected to."""
    named = ClusterName(fault.cluster).service
    if named:
        return mesh.kube.get(SERVICE, named.namespace, named.name)
    found = _by_name(mesh, fault.authority.rpartition("@")[2].partition(":")[0] or fault.sni, fault.proxy.namespace)
    return found or _by_address(mesh, fault.local.rpartition(":")[0].strip("[]"))


def port_called(fault: Fault) -> int:
    """The Service's port that a client meant; 0 where it cannot be told."""
    text = fault.local.rpartition(":")[2]
    return ClusterName(fault.cluster).port or (int(text) if text.isdigit() else 0)


def _by_name(mesh: Mesh, host: str, namespace: str) -> KubeObject | None:
    """The Service that a host header means: `name`, `name.ns`, `name.ns.svc`, or the full name."""
    parts = host.split(".")
    known = service_of(host, namespace) if len(parts) != 2 else (parts[1], parts[0])
    if known is None and len(parts) == 3 and parts[2] == "svc":
        known = (parts[1], parts[0])
    return mesh.kube.get(SERVICE, *known) if known else None


def _by_address(mesh: Mesh, address: str) -> KubeObject | None:
    """The Service whose cluster IP it is."""
    if not address:
        return None
    for item in mesh.kube.list(SERVICE):
        if address in (item.spec.get("clusterIP"), *map(as_text, as_list(item.spec.get("clusterIPs")))):
            return item
    return None
