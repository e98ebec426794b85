"""What will be asked of whom, before it is asked; and the rights that this takes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from bugbundle.collect.ask import Ask
from bugbundle.collect.mesh import ENVOY, OF_PROXY, ZTUNNEL
from bugbundle.collect.pods import Pod
from bugbundle.collect.resources import Resource
from bugbundle.errors import BugbundleError


@dataclass(slots=True)
class Plan:
    """The look that was taken first, and what follows from it."""

    cluster: str
    server: str
    resources: list[Resource] = field(default_factory=list)
    namespaces: list[str] = field(default_factory=list)
    """For lists namespace by namespace; empty where all are asked for at once."""
    proxies: list[Pod] = field(default_factory=list)
    istiods: list[Pod] = field(default_factory=list)
    ztunnels: list[Pod] = field(default_factory=list)
    pods: list[Pod] = field(default_factory=list)
    """All in scope."""
    logs: list[Ask] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Namespaces whose logs are not asked for."""
    obstacle: BugbundleError | None = None
    """Why nothing can be collected, where that is so: the role is worth printing all the same."""

    def as_dict(self) -> dict[str, Any]:
        """For `--format json`."""
        return {
            "cluster": self.cluster,
            "server": self.server,
            "lists": [resource.ask().request for resource in self.resources],
            "namespaces": self.namespaces,
            "proxies": [pod.id for pod in self.proxies],
            "istiods": [pod.id for pod in self.istiods],
            "ztunnels": [pod.id for pod in self.ztunnels],
            "logs": [ask.request for ask in self.logs],
            "logsLeftOut": self.left_out,
            "role": role(self),
        }

    def text(self) -> str:
        """For people: what, of whom, how often; then the role as YAML."""
        groups = Counter(resource.group or "core" for resource in self.resources)
        where = f"in {', '.join(self.namespaces)}" if self.namespaces else "in all namespaces"
        istiods = len(self.istiods)
        lines = [
            f"Cluster {self.cluster} at {self.server}",
            f"  {len(self.resources)} lists {where}: " + ", ".join(f"{name} {n}" for name, n in sorted(groups.items())),
            f"  {len(self.proxies)} proxies, {len(ENVOY)} pages each by port-forward",
            f"  {istiods} istiod, each its debug pages, and {len(OF_PROXY)} for each proxy connected to it",
            f"  {len(self.ztunnels)} ztunnel, {len(ZTUNNEL)} pages each",
            f"  {len(self.logs)} logs" + (f"; none of {', '.join(self.left_out)}" if self.left_out else ""),
        ]
        return "\n".join(lines) + "\n\nThe rights that this takes:\n\n" + _yaml(role(self)) + "\n"


USUAL = tuple(
    Resource(group, "v1", plural, namespaced)
    for group, namespaced, plurals in (
        ("", True, "configmaps endpoints events limitranges persistentvolumeclaims pods podtemplates"),
        ("", True, "replicationcontrollers resourcequotas secrets serviceaccounts services"),
        ("", False, "namespaces nodes persistentvolumes"),
        ("apps", True, "controllerrevisions daemonsets deployments replicasets statefulsets"),
        ("batch", True, "cronjobs jobs"),
        ("autoscaling", True, "horizontalpodautoscalers"),
        ("policy", True, "poddisruptionbudgets"),
        ("networking.k8s.io", True, "ingresses networkpolicies"),
        ("networking.k8s.io", False, "ingressclasses"),
        ("discovery.k8s.io", True, "endpointslices"),
        ("coordination.k8s.io", True, "leases"),
        ("admissionregistration.k8s.io", False, "mutatingwebhookconfigurations validatingwebhookconfigurations"),
        ("apiextensions.k8s.io", False, "customresourcedefinitions"),
        ("apiregistration.k8s.io", False, "apiservices"),
        ("networking.istio.io", True, "destinationrules envoyfilters gateways proxyconfigs serviceentries sidecars"),
        ("networking.istio.io", True, "virtualservices workloadentries workloadgroups"),
        ("security.istio.io", True, "authorizationpolicies peerauthentications requestauthentications"),
        ("telemetry.istio.io", True, "telemetries"),
        ("extensions.istio.io", True, "wasmplugins"),
        ("gateway.networking.k8s.io", True, "gateways grpcroutes httproutes referencegrants tcproutes tlsroutes"),
        ("gateway.networking.k8s.io", False, "gatewayclasses"),
    )
    for plural in plurals.split()
)
"""What a mesh has, for an account that may not even look which resources there are."""


def role(plan: Plan) -> dict[str, Any]:
    """A ClusterRole that suffices, or a Role where namespaces were named (bind it in each of them)."""
    groups: dict[str, list[str]] = {}
    for resource in plan.resources or USUAL:
        if resource.namespaced or not plan.namespaces:
            groups.setdefault(resource.group, []).append(resource.plural)
    rules: list[dict[str, Any]] = [
        {"apiGroups": [group], "resources": sorted(set(names)), "verbs": ["list"]} for group, names in groups.items()
    ]
    rules.append({"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]})
    # A websocket is a GET; API servers from 1.35 on also want the right to create it.
    rules.append({"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]})
    kind = "Role" if plan.namespaces else "ClusterRole"
    if not plan.namespaces:
        rules.append({"nonResourceURLs": ["/version", "/api", "/api/*", "/apis", "/apis/*"], "verbs": ["get"]})
    metadata = {"name": "bugbundle-collect"}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, "rules": rules}


def _yaml(found: dict[str, Any]) -> str:
    lines = [f"apiVersion: {found['apiVersion']}", f"kind: {found['kind']}", "metadata:"]
    lines += [f"  {key}: {value}" for key, value in found["metadata"].items()]
    lines.append("rules:")
    for rule in found["rules"]:
        for index, (key, values) in enumerate(rule.items()):
            shown = ", ".join(f'"{value}"' if not value or "/" in value else value for value in values)
            lines.append(f"{'- ' if index == 0 else '  '}{key}: [{shown}]")
    return "\n".join(lines)
