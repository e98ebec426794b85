"""Ambient under NetworkPolicies: HBONE on 15008, and the kubelet's probes, which come from a link-local address."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.config.network_policies import Policies, address_allowed, peers, pod_allowed, port_allowed, rules
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.workloads.index import Index, alive, captured

PORT = 15008
PROBE_SOURCE = "169.254.7.127"
"""What istio-cni turns the kubelet's address into (ambient, `HostProbeSNATIP`)."""


def takes_hbone(pod: KubeObject) -> bool:
    """Captured by ztunnel, or a waypoint."""
    return captured(pod) or pod.labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller"


def blocking(known: Index, policies: Policies, pod: KubeObject, direction: str) -> KubeObject | None:
    """The policy that lets other ports through between this pod and the mesh, while none lets 15008 through."""
    found = policies.of(pod, direction)
    other: KubeObject | None = None
    for policy, _, rule in rules(found, direction):
        if direction == "Egress" and not _to_ambient(known, policy, rule):
            continue
        if direction == "Ingress" and not _from_pods(rule):
            continue
        if port_allowed(rule, PORT):
            return None
        other = other or policy
    return other


def _from_pods(rule: dict[str, Any]) -> bool:
    """Whether an ingress rule is for anyone or for pods, not just for addresses outside."""
    found = peers(rule, "Ingress")
    return not found or any("ipBlock" not in peer for peer in found)


def _to_ambient(known: Index, policy: KubeObject, rule: dict[str, Any]) -> bool:
    """Whether an egress rule means ambient pods (DNS, ipBlocks and the like do not count)."""
    found = [peer for peer in peers(rule, "Egress") if "ipBlock" not in peer]
    return any(
        captured(pod) and alive(pod) and pod_allowed(peer, policy, pod, known)
        for peer in found
        for pod in _candidates(known, policy, peer)
    )


def _candidates(known: Index, policy: KubeObject, peer: dict[str, Any]) -> list[KubeObject]:
    from bugbundle.mesh.kube import texts

    wanted = texts(as_dict(peer.get("podSelector")).get("matchLabels"))
    return known.select(wanted, policy.namespace if peer.get("namespaceSelector") is None else "")


def probe_ports(pod: KubeObject) -> list[int]:
    """The ports of a pod's HTTP, TCP and gRPC probes; named ones looked up."""
    found: list[int] = []
    for container in dicts(pod.spec.get("containers")):
        named = {as_text(port.get("name")): port.get("containerPort") for port in dicts(container.get("ports"))}
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            for kind in ("httpGet", "tcpSocket", "grpc"):
                port = as_dict(as_dict(container.get(probe)).get(kind)).get("port")
                number = named.get(port) if isinstance(port, str) else port
                if isinstance(number, int):
                    found.append(number)
    return list(dict.fromkeys(found))


def probe_allowed(policies: list[KubeObject], port: int) -> bool:
    """Whether any ingress rule lets the kubelet's probes through to a port."""
    return any(
        port_allowed(rule, port) and address_allowed(rule, PROBE_SOURCE) for _, _, rule in rules(policies, "Ingress")
    )
