"""Policies: what they look at, what they are bound to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import service_of, texts_of
from bugbundle.mesh.config.validation import HTTP_OPERATION, HTTP_SOURCE
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import captured, index

TARGETS = {
    "Service": res.SERVICE,
    "ServiceEntry": res.SERVICE_ENTRY,
    "Gateway": res.K8S_GATEWAY,
    "GatewayClass": res.GATEWAY_CLASS,
}
"""The kinds that `targetRefs` may name, and their lists."""


def http_attributes(policy: KubeObject) -> set[str]:
    """The HTTP attributes that an AuthorizationPolicy looks at."""
    found: set[str] = set()
    for rule in dicts(policy.spec.get("rules")):
        for entry in dicts(rule.get("from")):
            found.update(field for field in HTTP_SOURCE if as_dict(entry.get("source")).get(field))
        for entry in dicts(rule.get("to")):
            found.update(field for field in HTTP_OPERATION if as_dict(entry.get("operation")).get(field))
        found.update(k for e in dicts(rule.get("when")) if (k := as_text(e.get("key"))).startswith("request."))
    return found


def target_refs(policy: KubeObject) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pointer, reference) of `targetRefs`, and of the older `targetRef`."""
    for number, target in enumerate(dicts(policy.spec.get("targetRefs"))):
        yield f"/spec/targetRefs/{number}", target
    if isinstance(policy.spec.get("targetRef"), dict):
        yield "/spec/targetRef", policy.spec["targetRef"]


def l7_uses(mesh: Mesh) -> Iterator[tuple[KubeObject, str, KubeObject]]:
    """(object, pointer, Service) of L7 rules that are for calls between workloads."""
    for item in mesh.kube.list(res.VIRTUAL_SERVICE):
        gateways = texts_of(item.spec.get("gateways"))
        if (gateways and "mesh" not in gateways) or not dicts(item.spec.get("http")):
            continue
        for number, host in enumerate(texts_of(item.spec.get("hosts"))):
            key = service_of(host, item.namespace)
            service = mesh.kube.get(res.SERVICE, *key) if key else None
            if service is not None:
                yield item, f"/spec/hosts/{number}", service
    for resource in (res.HTTP_ROUTE, res.GRPC_ROUTE):
        for item in mesh.kube.list(resource):
            for number, parent in enumerate(dicts(item.spec.get("parentRefs"))):
                space = as_text(parent.get("namespace")) or item.namespace
                found = mesh.kube.get(res.SERVICE, space, as_text(parent.get("name")))
                if parent.get("kind") == "Service" and found is not None:
                    yield item, f"/spec/parentRefs/{number}", found
    for item in mesh.kube.list(res.REQUEST_AUTHENTICATION):
        wanted = workload_selector(item.spec)
        for pod in index(mesh).select(wanted, item.namespace) if wanted else ():
            for service in index(mesh).services_of(pod) if captured(pod) else ():
                yield item, "/spec/selector", service
