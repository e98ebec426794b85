"""Requests that an object was meant for: those that failed or went elsewhere, near the capture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bugbundle.effect.model import Why
from bugbundle.mesh import Mesh
from bugbundle.mesh.config.hosts import host_matches
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof
from bugbundle.mesh.signals.access import Fault, faults
from bugbundle.mesh.signals.failures import called
from bugbundle.mesh.workloads.owners import ClusterName


class Demand:
    """The recent failures of a mesh by the host that was meant, and by the proxy that saw them."""

    def __init__(self, mesh: Mesh) -> None:
        self._by_host: dict[str, list[Fault]] = defaultdict(list)
        self._by_proxy: dict[str, list[Fault]] = defaultdict(list)
        for fault in faults(mesh):
            if fault.recent:
                for host in _hosts(mesh, fault):
                    self._by_host[host].append(fault)
                self._by_proxy[fault.proxy.id].append(fault)

    def calls(self, host: str, ports: Iterable[int] = ()) -> list[Fault]:
        """Failed requests for a host (which may be a wildcard), on some port."""
        keys = [host] if not host.startswith("*") else [one for one in self._by_host if host_matches(host, one)]
        found = [fault for key in keys for fault in self._by_host.get(key, ())]
        wanted = set(ports)
        return [fault for fault in found if not wanted or port_of(fault) in wanted]

    def at(self, proxy: str, ports: Iterable[int] = ()) -> list[Fault]:
        """Requests that failed at a proxy, whichever way they went."""
        wanted = set(ports)
        return [f for f in self._by_proxy.get(proxy, ()) if not wanted or port_of(f) in wanted]


def port_of(fault: Fault) -> int:
    """The port that was connected to: of the cluster, else of the local address; 0 where neither tells."""
    text = fault.local.rpartition(":")[2]
    return ClusterName(fault.cluster).port or (int(text) if text.isdigit() else 0)


def _at_edge(fault: Fault) -> bool:
    """Whether a gateway itself answered: it sent the request nowhere."""
    return fault.proxy.kind == "gateway" and not fault.cluster


def _hosts(mesh: Mesh, fault: Fault) -> set[str]:
    named = {ClusterName(fault.cluster).host, fault.authority.partition(":")[0], fault.sni}
    service = called(mesh, fault) if not fault.inbound else None
    if service is not None:
        named.add(f"{service.name}.{service.namespace}.svc.cluster.local")
    return named - {""}


@once
def demand(mesh: Mesh) -> Demand:
    """The failures of a mesh, sorted once."""
    return Demand(mesh)


def concerned(mesh: Mesh, why: Why) -> list[Fault]:
    """The failed requests that one reason accounts for: for its hosts, at its pods; on its ports, "
    "where it names some."""
    known = demand(mesh)
    found: dict[int, Fault] = {}
    pods = set(why.pods)
    for host in why.hosts:
        for fault in known.calls(host, why.ports):
            if not pods or fault.proxy.id in pods:
                found[id(fault)] = fault
    if not why.hosts and (why.ports or why.certain):
        for pod in why.pods:
            found |= {id(fault): fault for fault in known.at(pod, why.ports) if fault.inbound or _at_edge(fault)}
    return list(found.values())


def shown(found: list[Fault]) -> tuple[Proof, ...]:
    """The last two of some failures."""
    return tuple(Proof(fault.pointer, fault.text) for fault in found[-2:])
