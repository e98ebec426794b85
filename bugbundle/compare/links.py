"""How well one change explains another: by the objects, names, hosts and namespaces that they share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bugbundle.compare.model import Change
from bugbundle.mesh.config.hosts import full_name
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Ref
from bugbundle.rules import Finding

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod", "ReplicaSet"})

OF_NAMESPACE = frozenset(
    {
        "PeerAuthentication", "AuthorizationPolicy", "RequestAuthentication", "Sidecar", "EnvoyFilter", "Telemetry",
        "NetworkPolicy", "Namespace", "ResourceQuota", "LimitRange", "WasmPlugin", "ProxyConfig", "DestinationRule",
        "VirtualService", "ServiceEntry", "ConfigMap", "Secret", "ServiceAccount", "Role", "RoleBinding",
    }
)  # fmt: skip
"""Kinds whose objects act on a whole namespace."""

OF_MESH = frozenset(
    {
        "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "CustomResourceDefinition", "ClusterRole",
        "ClusterRoleBinding", "APIService", "ValidatingAdmissionPolicy", "GatewayClass", "PriorityClass",
    }
)  # fmt: skip
"""Kinds whose objects act on the whole cluster."""

EARLIER = timedelta(minutes=5)

_KEYS = frozenset({"host", "hosts", "hostname", "hostnames", "domains", "serviceName", "targetRefs"})


def hosts_of(ref: Ref, raw: dict[str, Any]) -> frozenset[str]:
    """The hosts of which an object speaks: full names where they are of Kubernetes Services."""
    found = {full_name(host.rpartition("/")[2], ref.namespace) for host in _hosts(raw.get("spec"))}
    if ref.kind == "Service":
        found.add(f"{ref.name}.{ref.namespace}.svc.cluster.local")
    found |= set(_backends(raw.get("spec"), ref.namespace))
    return frozenset(host for host in found if host and host != "*")


def _hosts(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _hosts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _hosts(item, key)
    elif isinstance(value, str) and key in _KEYS:
        yield value


def _backends(value: Any, namespace: str) -> Iterator[str]:
    """The Services of `backendRefs` of the Gateway API."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "backendRefs" and isinstance(item, list):
                for one in map(as_dict, item):
                    if one.get("kind", "Service") == "Service" and isinstance(one.get("name"), str):
                        yield f"{one['name']}.{one.get('namespace') or namespace}.svc.cluster.local"
            else:
                yield from _backends(item, namespace)
    elif isinstance(value, list):
        for item in value:
            yield from _backends(item, namespace)


def explains(root: Change, finding: Finding, things: frozenset[Ref], origin: Ref) -> float:
    """0 to 10: how well a changed object explains a finding; `things` are its objects, pods as their workloads."""
    ref = root.object
    if restart(root):
        return 1.0 if ref == origin else 0.0
    new = root.change == "added" and ref.kind in WORKLOADS
    score = 0.0
    if ref == origin:
        score = 10.0
    elif ref in things:
        score = 3.0 if new else 7.0
    elif _named(ref, finding.message):
        score = 5.0
    elif root.hosts & hosts_in(finding, things):
        score = 4.0
    else:
        score = _scope(ref, things)
    if ref.kind == "Node" and score > 1:
        score = 1.0
    if root.at and finding.at and finding.at < root.at - EARLIER:
        score *= 0.3
    return score


def restart(root: Change) -> bool:
    """Whether the change is a restart and no more."""
    return root.kind == "object" and root.summary.endswith("restarted")


def _named(ref: Ref, text: str) -> bool:
    """Whether the text names the object, by `ns/name` or by a name that is no common word."""
    if ref.namespace and f"{ref.namespace}/{ref.name}" in text:
        return True
    if len(ref.name) < 5 or ("-" not in ref.name and "." not in ref.name):
        return False
    return re.search(rf"(?<![\w.-]){re.escape(ref.name)}(?![\w-])", text) is not None


def hosts_in(finding: Finding, things: frozenset[Ref]) -> frozenset[str]:
    """The hosts of which a finding speaks."""
    found = {f"{thing.name}.{thing.namespace}.svc.cluster.local" for thing in things if thing.kind == "Service"}
    found |= set(re.findall(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+", finding.message))
    return frozenset(found)


def _scope(ref: Ref, things: frozenset[Ref]) -> float:
    spaces = {thing.namespace or (thing.name if thing.kind == "Namespace" else "") for thing in things}
    where = ref.name if ref.kind == "Namespace" else ref.namespace
    if ref.kind in OF_NAMESPACE and where in spaces:
        return 2.0
    if ref.kind in OF_MESH or mesh_wide(ref):
        return 1.5
    return 1.0 if where and where in spaces else 0.0


def mesh_wide(ref: Ref) -> bool:
    """Whether an object of this name and kind acts on the whole mesh."""
    if ref.kind == "ConfigMap":
        return re.fullmatch(r"istio(?:-[\w-]+)?", ref.name) is not None and "election" not in ref.name
    if ref.kind in WORKLOADS:
        return ref.name.startswith(("istiod", "istio-cni", "ztunnel"))
    return ref.namespace == "istio-system" and ref.kind in OF_NAMESPACE - {"ConfigMap", "Secret", "ServiceAccount"}
