"""BB705: clients are told to send without Istio's mTLS to workloads that accept nothing else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.client_tls import ClientTls, client_tls, target_ports
from bugbundle.mesh.config.mtls import Demands
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.selectors import contains
from bugbundle.mesh.workloads.index import index, meshed, pod_id
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB705",
    per=Mesh,
    level=Level.ERROR,
    reads={res.DESTINATION_RULE, res.SERVICE, res.POD},
    optional={res.PEER_AUTHENTICATION, res.CONFIG_MAP},
    message=(
        "DestinationRule {rule} makes clients send {what} (tls mode {mode}) to {service}, whose "
        "pods accept only mTLS ({policy})"
    ),
    explains={"BB302", "BB304", "BB750"},
)
def mtls_conflict(mesh: Mesh) -> Iterator[Evidence]:
    """Clients are told to send without Istio's mTLS to workloads that accept nothing else.

    ## Why it matters
    A DestinationRule with tls mode DISABLE or SIMPLE replaces the automatic mTLS; a server whose effective
    PeerAuthentication is STRICT closes such connections: 503 with UC or UF at every client with a proxy.

    ## What to do
    Take the `tls` block out of the DestinationRule (automatic mTLS does the right thing), or set it to
    ISTIO_MUTUAL. Only where the server must take plain text: a PeerAuthentication with PERMISSIVE for its
    port.
    """
    demands = Demands(mesh)
    groups: dict[tuple[Ref, Ref | None], list[Conflict]] = defaultdict(list)
    for item in client_tls(mesh):
        if item.mode == "ISTIO_MUTUAL":
            continue
        conflict = first_conflict(mesh, demands, item)
        if conflict:
            policy = ref(conflict.policy) if conflict.policy else None
            groups[ref(item.rule), policy].append(conflict)
    for found in groups.values():
        yield told(found)


class Conflict(NamedTuple):
    """One setting against what the pods of one Service demand."""

    item: ClientTls
    policy: KubeObject | None
    port: int
    pods: list[KubeObject]


def first_conflict(mesh: Mesh, demands: Demands, item: ClientTls) -> Conflict | None:
    """The first port on which the Service's pods are STRICT against this setting."""
    strict: dict[int, list[KubeObject]] = defaultdict(list)
    policies: dict[int, KubeObject | None] = {}
    for pod in index(mesh).pods_of(item.service):
        if not meshed(pod) or not contains(pod.labels, item.subset):
            continue
        demand = demands.of(pod)
        for port in target_ports(item.service, item.port, pod):
            mode, policy = demand.at(port)
            if mode == "STRICT" and not excluded(pod, port):
                strict[port].append(pod)
                policies[port] = policy
    port = next(iter(strict), 0)
    return Conflict(item, policies[port], port, strict[port]) if port else None


def excluded(pod: KubeObject, port: int) -> bool:
    """Whether traffic to this port goes past the pod's sidecar."""
    ports = pod.annotations.get("traffic.sidecar.istio.io/excludeInboundPorts", "")
    return str(port) in (part.strip() for part in ports.split(","))


def told(found: list[Conflict]) -> Evidence:
    """One finding for a DestinationRule and a policy, over all Services where they meet."""
    first = found[0]
    services = [conflict.item.service for conflict in found]
    pods = list({ref(pod): pod for conflict in found for pod in conflict.pods}.values())
    more = f" and {len(services) - 1} other Services" if len(set(map(ref, services))) > 1 else ""
    shown = Proof(first.item.rule.at(first.item.place), f"mode: {first.item.mode}")
    demand = Proof(first.policy.at("/spec"), f"STRICT for port {first.port}") if first.policy else None
    return Evidence(
        ref(first.item.rule),
        {
            "rule": name_of(first.item.rule),
            "mode": first.item.mode,
            "what": "plain text" if first.item.mode == "DISABLE" else "TLS that is not Istio's",
            "service": f"Service {name_of(services[0])}{more}",
            "policy": f"PeerAuthentication {name_of(first.policy)} STRICT" if first.policy else "STRICT",
        },
        objects=(
            *((ref(first.policy),) if first.policy else ()),
            *dict.fromkeys(map(ref, services[:20])),
            *(ref(pod) for pod in pods[:20]),
        ),
        proofs=(shown, *((demand,) if demand else ())),
        affects=tuple(pod_id(pod) for pod in pods),
    )
