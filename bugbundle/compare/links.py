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

_KEYS = frozenset({"service", "host", "hosts", "hostname", "hostnames", "domains", "serviceName", "targetRefs"})


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
    new = root.change == "added" and ref.kind in WORKLOADS | {"Namespace"}
    score = 0.0
    if ref == origin:
        score = 4.0 if new else 10.0
    elif ref in things:
        score = (2.0 if ref.kind == "Namespace" else 3.0) if new else 7.0
    elif _named(ref, finding.message):
        score = 5.0
    elif root.hosts & hosts_in(finding, things):
        score = 4.0
    else:
        score = _scope(ref, things)
        score += _affinity(ref, finding.message) if score else 0.0
    if weak(root):
        score = min(score, 1.0)
    if root.at and finding.at and finding.at < root.at - EARLIER:
        score *= 0.3
    return score


def weak(root: Change) -> bool:
    """Whether a change hardly acts on a mesh: of a node, or of labels and annotations that Istio does not read."""
    if root.object.kind == "Node":
        return True
    paths = [item.path for item in root.fields]
    told = " ".join(f"{item.path} {item.before} {item.after}" for item in root.fields)
    return bool(paths) and all(path.startswith("metadata") for path in paths) and "istio" not in told


AFFINITIES: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), frozenset(kinds.split()))
    for pattern, kinds in (
        (r"mtls|plain ?text|tls mode|filter chain", "PeerAuthentication DestinationRule"),
        (r"rbac|polic|denied|403|UAEX|authoriz", "AuthorizationPolicy RequestAuthentication ConfigMap"),
        (r"jwt|jwks|401", "RequestAuthentication"),
        (r"\bNR\b|no route|404|route", "VirtualService Gateway HTTPRoute GRPCRoute Sidecar"),
        (r"\bUH\b|endpoint|no pods|selects", "Service Deployment StatefulSet DestinationRule ServiceEntry"),
        (r"\bNC\b|subset|cluster", "DestinationRule VirtualService Sidecar ServiceEntry"),
        (r"webhook|inject", "MutatingWebhookConfiguration ValidatingWebhookConfiguration Namespace ConfigMap"),
        (r"quota|limit", "ResourceQuota LimitRange"),
        (r"certificate|csr|signing|xds|discovery|root ca|ConfigMap istio-ca", "ConfigMap Secret Deployment"),
        (r"connect|timed out|timeout|blocked|refused", "NetworkPolicy Service"),
        (r"dns|resolve|name look", "ConfigMap ServiceEntry"),
        (r"filter|lua|wasm|NACK|reject", "EnvoyFilter WasmPlugin"),
    )
)
"""What a message speaks of → the kinds whose objects bring it about."""


def _affinity(ref: Ref, message: str) -> float:
    fits = any(ref.kind in kinds and pattern.search(message) for pattern, kinds in AFFINITIES)
    if not fits:
        return 0.0
    return 3.0 if mesh_wide(ref) and ref.kind == "ConfigMap" else 1.5


_TOKEN = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)+")
_COMMON = re.compile(
    r"(?:[\w-]+\.)*(?:kubernetes|k8s|istio)\.io|[\d.]+(?:-\w+)*|\d.*|cluster\.local|istio-system|kube-system|svc\..*|"
    r"istio-(?:proxy|init|operator|ingressgateway|ca|token|envoy|data|podinfo)[\w-]*|workload-.*|kube-api-access.*|"
    r"docker\.io|read-only|.*-\d{4}-.*"
)


def tokens(root: Change, raw: dict[str, Any]) -> frozenset[str]:
    """The names and hosts by which an object is told from others: of what changed in it, else of all; and its own."""
    values = (
        [value for item in root.fields for value in (item.before, item.after)] if root.fields else [raw.get("spec")]
    )
    values += [raw.get("data")] if not root.fields else []
    found = {token for text in _texts(values) for token in _TOKEN.findall(text) if not _COMMON.fullmatch(token)}
    found = {token for token in found if len(token) > 5}
    own = {root.object.name} if "-" in root.object.name or "." in root.object.name else set()
    return frozenset(found | own | root.hosts)


_REFERRING = re.compile(
    r".*Refs?|gateways?|secretName|credentialName|configMap(?:KeyRef)?|claimName|serviceAccountName"
)


def references(raw: dict[str, Any]) -> frozenset[str]:
    """The names that stand in an object where the API has a reference."""
    return frozenset(_references(raw.get("spec"), False))


def _references(value: Any, inside: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _references(item, inside or _REFERRING.fullmatch(key) is not None)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item, inside)
    elif inside and isinstance(value, str):
        yield value.rpartition("/")[2]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value[:20_000]
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


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
