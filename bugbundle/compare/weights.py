"""What kinds of objects usually do to a mesh: how much a change of them weighs, and what they shape."""

from __future__ import annotations

PRIORS: dict[str, float] = {
    "VirtualService": 3, "DestinationRule": 3, "Gateway": 3, "ServiceEntry": 2.8, "EnvoyFilter": 3, "Sidecar": 3,
    "PeerAuthentication": 3, "AuthorizationPolicy": 3, "RequestAuthentication": 3, "Telemetry": 2, "WasmPlugin": 2.5,
    "ProxyConfig": 2, "WorkloadEntry": 2, "HTTPRoute": 3, "GRPCRoute": 3, "TLSRoute": 3, "TCPRoute": 3,
    "NetworkPolicy": 3,
    "BackendTLSPolicy": 3, "ReferenceGrant": 2, "Service": 2.6, "Deployment": 2, "StatefulSet": 2, "DaemonSet": 2.2,
    "MutatingWebhookConfiguration": 2.6, "ValidatingWebhookConfiguration": 2.5, "ResourceQuota": 2.5, "LimitRange": 2,
    "CustomResourceDefinition": 1.5, "Namespace": 1.4, "ConfigMap": 1.6, "Secret": 1.5, "Pod": 1.2, "Job": 1,
    "Node": 0.4,
    "ServiceAccount": 0.6, "HorizontalPodAutoscaler": 1.2, "PodDisruptionBudget": 0.6, "ClusterRole": 1.2, "Role": 1,
    "ClusterRoleBinding": 1.2, "RoleBinding": 1,
}  # fmt: skip
"""kind → how likely it changes traffic where nothing else tells."""

REFUSING = frozenset(
    {
        "AuthorizationPolicy", "PeerAuthentication", "RequestAuthentication", "NetworkPolicy", "EnvoyFilter",
        "WasmPlugin", "ResourceQuota", "LimitRange", "Telemetry", "Sidecar",
    }
)  # fmt: skip
"""Kinds that narrow or alter what is allowed: taking one away seldom breaks."""

SHAPING = frozenset(
    {
        "EnvoyFilter", "Sidecar", "PeerAuthentication", "Telemetry", "AuthorizationPolicy", "WasmPlugin", "ProxyConfig",
        "RequestAuthentication",
    }
)  # fmt: skip
"""Kinds that shape resources without standing in their metadata."""

HINTS: dict[str, tuple[str, ...]] = {
    "AuthorizationPolicy": ("rbac", "ext_authz"), "PeerAuthentication": ("tls", "transport_socket", "filter_chain"),
    "DestinationRule": ("tls", "outlier", "lb_policy", "circuit"), "EnvoyFilter": ("lua", "wasm", "http_filters"),
    "RequestAuthentication": ("jwt",), "Telemetry": ("access_log", "tracing", "stats"), "WasmPlugin": ("wasm",),
}  # fmt: skip
"""kind → what stands in the fields that it shapes."""

LEVELS = {"Error": 10.0, "Warning": 4.0, "Info": 0.3}
