"""Small bundles to compare: objects by entry, changed one at a time."""

from __future__ import annotations

import copy
import json
from typing import Any

from bugbundle.bundle import Bundle

VIRTUAL_SERVICES = "k8s/apis/networking.istio.io/v1/virtualservices.json"
DEPLOYMENTS = "k8s/apis/apps/v1/deployments.json"
SERVICES = "k8s/api/v1/services.json"
SECRETS = "k8s/api/v1/secrets.json"
PODS = "k8s/api/v1/pods.json"

Entries = dict[str, Any]


def listed(kind: str, *items: dict[str, Any], version: str = "v1") -> dict[str, Any]:
    return {"kind": f"{kind}List", "apiVersion": version, "items": list(items)}


def meta(name: str, namespace: str = "shop", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "uid": f"uid-{namespace}-{name}", "resourceVersion": "1", **more}


def written(manager: str, at: str, *path: str) -> list[dict[str, Any]]:
    owned: dict[str, Any] = {}
    for part in reversed(path):
        owned = {f"f:{part}": owned}
    return [{"manager": manager, "operation": "Update", "time": at, "fieldsV1": owned}]


def mesh() -> Entries:
    """A shop: a VirtualService over two subsets, a Deployment with its pod, a Service, a Secret."""
    route = [
        {"destination": {"host": "cart", "subset": "v1"}, "weight": 90},
        {"destination": {"host": "cart", "subset": "v2"}, "weight": 10},
    ]
    owner = {"kind": "ReplicaSet", "name": "cart-6b5f", "controller": True}
    return {
        "bundle.json": {"format": 1, "tool": "test", "started": "2026-11-21T14:00:00Z"},
        "k8s/api/v1/namespaces.json": listed(
            "Namespace", {"metadata": {"name": "kube-system", "uid": "one"}}, {"metadata": {"name": "shop", "uid": "s"}}
        ),
        VIRTUAL_SERVICES: listed(
            "VirtualService", {"metadata": meta("cart"), "spec": {"hosts": ["cart"], "http": [{"route": route}]}}
        ),
        DEPLOYMENTS: listed(
            "Deployment",
            {
                "metadata": meta("cart"),
                "spec": {
                    "replicas": 1,
                    "template": {"spec": {"containers": [{"name": "cart", "image": "cart:1", "protocol": "TCP"}]}},
                },
                "status": {"readyReplicas": 1},
            },
        ),
        SERVICES: listed(
            "Service", {"metadata": meta("cart"), "spec": {"selector": {"app": "cart"}, "ports": [{"port": 8080}]}}
        ),
        SECRETS: listed("Secret", {"metadata": meta("tls"), "data": {"tls.key": "c2VjcmV0LW9uZQ=="}}),
        PODS: listed(
            "Pod",
            {
                "metadata": meta("cart-6b5f-x1", ownerReferences=[owner], labels={"app": "cart"}),
                "spec": {"containers": [{"name": "cart", "image": "cart:1"}]},
                "status": {"phase": "Running", "podIP": "10.0.0.1"},
            },
        ),
        "manifest.json": {"format": 1, "started": "2026-11-21T14:00:00Z", "entries": [], "gaps": []},
    }


def later() -> Entries:
    """The same ten minutes later."""
    made = mesh()
    made["bundle.json"]["started"] = "2026-11-21T14:10:00Z"
    return made


def item(entries: Entries, path: str, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = entries[path]["items"][number]
    return found


def bundle(entries: Entries) -> Bundle:
    return Bundle.from_entries(
        {path: json.dumps(copy.deepcopy(body)) if not isinstance(body, str) else body for path, body in entries.items()}
    )
