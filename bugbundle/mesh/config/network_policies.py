"""NetworkPolicies: which select a pod, and whether they let a port through (Kubernetes networking.k8s.io/v1).

A pod that no policy of a direction selects takes everything; else the policies' rules are added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.workloads.index import Index


class Policies:
    """The NetworkPolicies of a mesh by namespace."""

    def __init__(self, mesh: Mesh) -> None:
        self._by_namespace: dict[str, list[KubeObject]] = {}
        for policy in mesh.kube.list(res.NETWORK_POLICY):
            self._by_namespace.setdefault(policy.namespace, []).append(policy)

    def of(self, pod: KubeObject, direction: str) -> list[KubeObject]:
        """The policies of a direction (`Ingress`, `Egress`) that select a pod."""
        return [
            policy
            for policy in self._by_namespace.get(pod.namespace, ())
            if direction in _types(policy) and matches(policy.spec.get("podSelector"), pod.labels, absent=True)
        ]


def _types(policy: KubeObject) -> list[Any]:
    given = as_list(policy.spec.get("policyTypes"))
    return given or ["Ingress", *(["Egress"] if "egress" in policy.spec else [])]


def rules(policies: list[KubeObject], direction: str) -> Iterator[tuple[KubeObject, int, dict[str, Any]]]:
    """(policy, number, rule) of all rules of a direction."""
    for policy in policies:
        for number, rule in enumerate(dicts(policy.spec.get(direction.lower()))):
            yield policy, number, rule


def port_allowed(rule: Mapping[str, Any], port: int, name: str = "") -> bool:
    """Whether a rule's ports (TCP) hold this one; a rule without ports holds all."""
    ports = as_list(rule.get("ports"))
    if not ports:
        return True
    for item in dicts(ports):
        if as_text(item.get("protocol")) not in ("", "TCP"):
            continue
        first = item.get("port")
        last = item.get("endPort", first)
        if first is None or (isinstance(first, int) and isinstance(last, int) and first <= port <= last):
            return True
        if name and first == name:
            return True
    return False


def peers(rule: Mapping[str, Any], direction: str) -> list[dict[str, Any]]:
    """A rule's `from` or `to`; empty = everyone."""
    return dicts(rule.get("from" if direction == "Ingress" else "to"))


def pod_allowed(peer: Mapping[str, Any], policy: KubeObject, pod: KubeObject, known: Index) -> bool:
    """Whether a peer (not an ipBlock) means this pod."""
    if "ipBlock" in peer:
        return False
    space = peer.get("namespaceSelector")
    if space is None:
        inside = pod.namespace == policy.namespace
    else:
        inside = matches(space, known.labels_of(pod.namespace), absent=True)
    return inside and matches(peer.get("podSelector"), pod.labels, absent=True)


def address_allowed(rule: Mapping[str, Any], address: str) -> bool:
    """Whether an ingress rule lets in an address that belongs to no pod."""
    found = peers(rule, "Ingress")
    return not found or any(_block_holds(as_dict(peer.get("ipBlock")), address) for peer in found)


def _block_holds(block: Mapping[str, Any], address: str) -> bool:
    try:
        here = ip_address(address)
        inside = here in ip_network(as_text(block.get("cidr")), strict=False)
        return inside and not any(
            here in ip_network(text, strict=False) for text in as_list(block.get("except")) if isinstance(text, str)
        )
    except ValueError:
        return False
