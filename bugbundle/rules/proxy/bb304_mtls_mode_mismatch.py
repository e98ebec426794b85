"""Clients and servers that do not agree on TLS, as their own dumps show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.columns import Column
from bugbundle.mesh.facts import ClusterFacts, EndpointFacts, Facts, ListenerFacts
from bugbundle.mesh.kinds import DESTINATION_RULE, PEER_AUTHENTICATION
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.owners import ClusterName, config_ref
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.xds import Xds

INBOUND = "virtualInbound"


class Server(NamedTuple):
    """What the inbound listener of one pod takes: ports with mTLS only, ports without mTLS."""

    proxy: Proxy
    strict: frozenset[int]
    plain: frozenset[int]


class Client(NamedTuple):
    """One proxy's cluster."""

    proxy: Proxy
    cluster: str
    tls: str
    config: str
    service: str


@rule(
    "BB304",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.ENVOY_CONFIG_DUMP, "pods"},
    optional={PEER_AUTHENTICATION, DESTINATION_RULE},
    explains={"BB750"},
    message="{clients} {mode} to {cluster}, and {server} takes {takes} on port {port}",
)
def mtls_mode_mismatch(mesh: Mesh) -> Iterator[Evidence]:
    """A client's cluster has TLS off (or forced on) where the server's inbound listener demands (or lacks) mTLS.

    Compared are the dumps of both: the cluster's transport sockets with its endpoints, and the filter chains of the
    endpoint's virtualInbound listener for that port.

    ## Why it matters
    Every request fails: 503 with UC or UF at the client, `filter_chain_not_found` (NR) at the server.

    ## What to do
    Delete `trafficPolicy.tls` from the DestinationRule (auto mTLS then does what each server needs), or change the
    PeerAuthentication of the server.
    """
    servers = _servers(mesh)
    if not servers:
        return
    hosts: dict[bytes, list[tuple[Server, int]]] = {}
    groups: dict[tuple[str, str], tuple[list[Client], Server, int]] = {}
    for proxy in mesh.proxies:
        clients = list(_clients(proxy))
        column = proxy.dump.column(Xds.EDS, "dynamic_active") if proxy.dump and clients else None
        for client in clients if column else ():
            endpoints = column.named.get(client.service) if column else None
            if column is None or endpoints is None:
                continue
            if endpoints.meaning not in hosts:
                hosts[endpoints.meaning] = _resolve(column.facts(endpoints), servers)
            for server, port in hosts[endpoints.meaning]:
                if port in (server.plain if client.tls else server.strict):
                    key = (client.config, client.tls)
                    groups.setdefault(key, ([], server, port))[0].append(client)
                    break
    for (config, _), (clients, server, port) in sorted(groups.items(), key=lambda item: item[0]):
        yield _evidence(mesh, config, clients, server, port)


def _servers(mesh: Mesh) -> dict[str, Server]:
    """pod address → what its listener takes."""
    ports: dict[bytes, tuple[frozenset[int], frozenset[int]]] = {}
    found: dict[str, Server] = {}
    for proxy in mesh.proxies:
        column = proxy.dump.column(Xds.LDS, "dynamic_active") if proxy.dump else None
        inbound = column.named.get(INBOUND) if column else None
        if column is None or inbound is None or proxy.pod is None:
            continue
        if inbound.meaning not in ports:
            facts = column.facts(inbound)
            ports[inbound.meaning] = _ports(facts) if isinstance(facts, ListenerFacts) else (frozenset(), frozenset())
        strict, plain = ports[inbound.meaning]
        if strict or plain:
            for address in _addresses(proxy):
                found[address] = Server(proxy, strict, plain)
    return found


def _addresses(proxy: Proxy) -> list[str]:
    status = proxy.pod.status if proxy.pod else {}
    return [as_text(item.get("ip")) for item in dicts(status.get("podIPs"))] or [as_text(status.get("podIP"))]


def _ports(facts: ListenerFacts) -> tuple[frozenset[int], frozenset[int]]:
    """(ports whose every chain demands a client certificate, ports whose every chain is without TLS)."""
    chains: dict[int, list[tuple[bool, bool]]] = {}
    for chain in facts.chains:
        if chain.port is not None and chain.port != facts.port and "blackhole" not in chain.name:
            chains.setdefault(chain.port, []).append((chain.tls and chain.requires_cert, chain.tls))
    strict = frozenset(port for port, found in chains.items() if all(demands for demands, _ in found))
    plain = frozenset(port for port, found in chains.items() if not any(tls for _, tls in found))
    return strict, plain


def _clients(proxy: Proxy) -> Iterator[Client]:
    """The outbound clusters of a proxy whose TLS a DestinationRule decides: off, or the mesh's own without asking."""
    for name, facts in _pinned(proxy.dump.column(Xds.CDS, "dynamic_active")) if proxy.dump else ():
        yield Client(proxy, name, facts.tls, facts.config, facts.service or facts.name)


@once
def _pinned(column: Column) -> tuple[tuple[str, ClusterFacts], ...]:
    """(name, facts) of the outbound clusters whose TLS a DestinationRule decides."""
    outbound = [(one.name, column.facts(one)) for one in column.contents if one.name.startswith("outbound|")]
    found = ((name, facts) for name, facts in outbound if isinstance(facts, ClusterFacts))
    return tuple((name, facts) for name, facts in found if facts.config and facts.tls in ("", "istio"))


def _resolve(facts: Facts, servers: dict[str, Server]) -> list[tuple[Server, int]]:
    hosts = facts.hosts if isinstance(facts, EndpointFacts) else ()
    return [(servers[host.address], host.port) for host in hosts if host.address in servers and host.port]


def _evidence(mesh: Mesh, config: str, clients: list[Client], server: Server, port: int) -> Evidence:
    made = config_ref(config)
    name = min((one.cluster for one in clients), key=len)
    senders = list(dict.fromkeys(one.proxy for one in clients))
    service = ClusterName(name).service
    every = mesh.kube.list(PEER_AUTHENTICATION)
    policies = [ref(item) for item in every if item.namespace == server.proxy.namespace]
    if made and not _sets_tls(mesh, made):
        switched = [ref(item) for item in every if as_dict(item.spec.get("mtls")).get("mode") == "DISABLE"]
        made, policies = next(iter(switched), None), [*policies, *switched]
    first = next(one for one in clients if one.cluster == name)
    objects: list[Ref] = [one for one in (made, service) if one]
    objects += [*policies, ref(server.proxy), *(ref(one) for one in senders[:20])]
    takes = "no TLS" if first.tls else "a client certificate is required"
    return Evidence(
        origin=made or ref(first.proxy),
        values={
            "clients": f"{first.proxy.id} sends" if len(senders) == 1 else f"{len(senders)} proxies send",
            "mode": "mTLS" if first.tls else "plain text",
            "cluster": name,
            "server": server.proxy.id,
            "takes": "plain text only" if first.tls else "mTLS only",
            "port": port,
        },
        objects=tuple(objects),
        proofs=(
            *_shown(first.proxy, Xds.CDS, name, f"{name}: {'mTLS' if first.tls else 'no TLS'}"),
            *_shown(server.proxy, Xds.LDS, INBOUND, f"port {port}: {takes}"),
        ),
        affects=tuple(one.id for one in senders),
    )


def _sets_tls(mesh: Mesh, made: Ref) -> bool:
    """Whether a DestinationRule says anything of TLS; one that was not recorded may."""
    rule_ = mesh.kube.get(DESTINATION_RULE, made.namespace, made.name)
    if rule_ is None:
        return True
    policies = [as_dict(rule_.spec.get("trafficPolicy"))]
    policies += [as_dict(one.get("trafficPolicy")) for one in dicts(rule_.spec.get("subsets"))]
    levels = [level for policy in policies for level in (policy, *dicts(policy.get("portLevelSettings")))]
    return any(level.get("tls") for level in levels)


def _shown(proxy: Proxy, kind: Xds, name: str, text: str) -> Iterator[Proof]:
    """A resource as proof."""
    found = proxy.dump.find(kind, name, "dynamic_active") if proxy.dump else None
    if found:
        yield Proof(found.pointer, text)
