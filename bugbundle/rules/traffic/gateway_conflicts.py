"""Servers of different Gateways that meet on the same pods and port: who wins, and in what they differ.

istiod merges in the order of creation (`pilot/pkg/model/gateway.go`, MergeGateways): the older Gateway's protocol holds
for the port, and its server for a host.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.gateways import Server, plain_hosts, selector_of, servers
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.rules.model import Evidence


def neighbours(mesh: Mesh) -> Iterator[tuple[Server, Server]]:
    """(older, younger) servers of two Gateways with one port and pods in common."""
    by_port: dict[int, list[Server]] = defaultdict(list)
    for server in servers(mesh.kube.list(res.GATEWAY)):
        by_port[server.port].append(server)
    pods = {
        ref(gateway): {pod_id(pod) for pod in index(mesh).select(selector_of(gateway))}
        for gateway in mesh.kube.list(res.GATEWAY)
    }
    for group in by_port.values():
        for one, other in combinations(sorted(group, key=_age), 2):
            apart = as_text(one.raw.get("bind")) != as_text(other.raw.get("bind"))
            if one.gateway is other.gateway or apart:
                continue
            if pods[ref(one.gateway)] & pods[ref(other.gateway)]:
                yield one, other


def rivals(mesh: Mesh) -> Iterator[tuple[Server, Server, list[str]]]:
    """(older, younger, hosts): neighbours of one protocol that claim the same hosts.

    A wildcard beside an exact name is no conflict: the exact name wins.
    """
    for one, other in neighbours(mesh):
        theirs = plain_hosts(other.raw)
        same = [host for host in plain_hosts(one.raw) if host in theirs]
        if same and family(one.protocol) == family(other.protocol):
            yield one, other, same


def differs(one: Server, other: Server) -> bool:
    """Whether it matters which of the two wins."""
    return (one.mode, one.credential) != (other.mode, other.credential)


def contrast(one: Server, other: Server) -> str:
    """`different certificates (a and b)` or `different TLS (SIMPLE and MUTUAL)`."""
    if one.mode != other.mode:
        return f"different TLS ({one.mode or 'none'} and {other.mode or 'none'})"
    return f"different certificates ({one.credential or 'none'} and {other.credential or 'none'})"


def family(protocol: str) -> str:
    """Protocols that may share a port."""
    if protocol in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB"):
        return "HTTP"
    return "TLS" if protocol in ("HTTPS", "TLS") else protocol


def conflict(mesh: Mesh, older: Server, younger: Server, how: str) -> Evidence:
    """The finding: the younger Gateway is the one without effect."""
    pods = index(mesh).select(selector_of(younger.gateway))
    secrets = [
        Ref("Secret", pods[0].namespace, server.credential)
        for server in (older, younger)
        if server.credential and pods and "/" not in server.credential
    ]
    return Evidence(
        ref(younger.gateway),
        {"older": name_of(older.gateway), "younger": name_of(younger.gateway), "how": how},
        objects=(ref(older.gateway), *secrets),
        proofs=tuple(Proof(server.gateway.at(server.place), server.text()) for server in (older, younger)),
        affects=tuple(pod_id(pod) for pod in pods),
    )


def _age(server: Server) -> tuple[str, str, str]:
    gateway = server.gateway
    return (as_text(gateway.metadata.get("creationTimestamp")), gateway.name, gateway.namespace)
