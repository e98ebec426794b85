"""Bundles made on the spot: a mesh of any number of proxies, whole or with faults in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from bugbundle.bundle import Bundle

NOW = datetime(2026, 11, 20, 18, 3, 11, tzinfo=UTC)
ISTIODS = ("istiod-7d4f9c-aaaaa", "istiod-7d4f9c-bbbbb")
TYPE = "type.googleapis.com/envoy."
KINDS = {"cluster": "config.cluster.v3.Cluster", "route": "config.route.v3.RouteConfiguration"}


def bundle(
    proxies: int, *, stale: int = 0, drifting: int = 0, absent: int = 0, hostile: str = "", fat: int = 0
) -> Bundle:
    """A mesh of `proxies` sidecars in workloads of five pods.

    The first `stale` never acknowledged the last push, the next `drifting` have another timeout than istiod says, the
    next `absent` are connected to no istiod. `hostile` is written into names and values. `fat` clusters of 1 kB each,
    told differently of every proxy that is at fault.
    """
    files: dict[str, str] = {}
    pods = [_istiod_pod(name) for name in ISTIODS]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in ISTIODS}
    for number in range(proxies):
        name, workload, namespace = _name(number)
        pods.append(_pod(name, workload, namespace))
        fault = "stale" if number < stale else "drift" if number < stale + drifting else ""
        lost = stale + drifting <= number < stale + drifting + absent
        holder = ISTIODS[number % 2]
        timeout = "1s" if fault else "3s"
        place = f"proxies/{namespace}/{name}"
        files[f"{place}/config_dump.json"] = json.dumps(
            _envoy(name, namespace, timeout, hostile, fault == "drift", fat)
        )
        files[f"{place}/certs.json"] = json.dumps(_certs(number, namespace, workload))
        if not lost:
            rows[holder].append(_row(f"{name}.{namespace}", stale=fault == "stale"))
            account = f"istiod/istio-system/{holder}/debug/config_dump/{name}.{namespace}.json"
            files[account] = json.dumps(_account("3s", hostile, fat))
    for holder, found in rows.items():
        files[f"istiod/istio-system/{holder}/debug/syncz.json"] = json.dumps(found)
        files[f"istiod/istio-system/{holder}/version.txt"] = f"1.29.6-{'7' * 40}-Clean\n"
    files["k8s/api/v1/pods.json"] = json.dumps({"kind": "PodList", "apiVersion": "v1", "items": pods})
    files["k8s/api/v1/namespaces.json"] = json.dumps(_namespaces(proxies, hostile))
    files["bundle.json"] = json.dumps(
        {"format": 1, "tool": "test", "started": f"{NOW:%Y-%m-%dT%H:%M:%SZ}", "clusters": ["c1"]}
    )
    files["manifest.json"] = json.dumps(_manifest(files))
    return Bundle.from_entries(files, origin="case.tar.zst")


def _name(number: int) -> tuple[str, str, str]:
    workload = f"app-{number // 5}"
    return f"{workload}-5f4d9c7b8-{number:05d}", workload, f"team-{number // 50}"


def _pod(name: str, workload: str, namespace: str) -> dict[str, Any]:
    status = {"name": "istio-proxy", "ready": True, "state": {"running": {}}}
    return {
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": workload},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{workload}-5f4d9c7b8"}],
        },
        "spec": {"containers": [{"name": "app"}, {"name": "istio-proxy"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "app", "ready": True}, status],
        },
    }


def _istiod_pod(name: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "istio-system", "labels": {"app": "istiod", "istio.io/rev": "default"}},
        "spec": {"containers": [{"name": "discovery"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "discovery", "ready": True}],
        },
    }


def _namespaces(proxies: int, hostile: str) -> dict[str, Any]:
    names = [f"team-{number}" for number in range((proxies + 49) // 50)]
    items = [{"metadata": {"name": name, "labels": {"istio-injection": "enabled"}}} for name in names]
    items.append({"metadata": {"name": "istio-system"}})
    if hostile:
        items.append({"metadata": {"name": hostile, "labels": {"istio.io/rev": hostile}}})
    return {"kind": "NamespaceList", "apiVersion": "v1", "items": items}


def _row(proxy: str, *, stale: bool) -> dict[str, Any]:
    sent = (NOW - timedelta(minutes=12)).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = (NOW - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    row: dict[str, Any] = {"proxy": proxy, "proxy_type": "sidecar", "cluster_id": "c1", "istio_version": "1.29.6"}
    for kind in KINDS:
        row[f"{kind}_sent"] = f"{sent}/1"
        row[f"{kind}_acked"] = f"{old}/0" if stale else f"{sent}/1"
    return row


def _cluster(timeout: str, hostile: str) -> dict[str, Any]:
    return {
        "@type": TYPE + KINDS["cluster"],
        "name": f"outbound|80||{hostile or 'cart'}.shop.svc.cluster.local",
        "type": "EDS",
        "connect_timeout": timeout,
        "alt_stat_name": hostile or "cart",
    }


def _envoy(name: str, namespace: str, timeout: str, hostile: str, pushed: bool, fat: int) -> dict[str, Any]:
    node = {"id": f"sidecar~10.0.0.1~{name}.{namespace}~cluster.local", "metadata": {"ISTIO_VERSION": "1.29.6"}}
    version = "2" if pushed else "1"
    cluster = {"version_info": version, "cluster": _cluster(timeout, hostile), "last_updated": "2026-11-20T17:00:00Z"}
    more = [{"cluster": _fat(number, name)} for number in range(fat)]
    return {
        "configs": [
            {"@type": TYPE + "admin.v3.BootstrapConfigDump", "bootstrap": {"node": node}},
            {"@type": TYPE + "admin.v3.ClustersConfigDump", "dynamic_active_clusters": [cluster, *more]},
            {"@type": TYPE + "admin.v3.RoutesConfigDump"},
        ]
    }


def _fat(number: int, word: str) -> dict[str, Any]:
    """A cluster with a long value."""
    kind = TYPE + KINDS["cluster"]
    return {
        "@type": kind,
        "name": f"fat-{number}",
        "type": "STATIC",
        "metadata": {"filter_metadata": {"x": {"y": word * 40}}},
    }


def _account(timeout: str, hostile: str, fat: int) -> dict[str, Any]:
    body = _cluster(timeout, hostile)
    body["connectTimeout"] = body.pop("connect_timeout")
    body["altStatName"] = body.pop("alt_stat_name")
    cluster = {"versionInfo": "1", "cluster": body}
    more = [{"cluster": _fat(number, "istiod")} for number in range(fat)]
    return {
        "configs": [
            {"@type": TYPE + "admin.v3.ClustersConfigDump", "dynamicActiveClusters": [cluster, *more]},
            {"@type": TYPE + "admin.v3.RoutesConfigDump"},
        ]
    }


def _certs(number: int, namespace: str, workload: str) -> dict[str, Any]:
    """Root of ten years; leaf of a day, the third proxy's expired."""
    until = NOW - timedelta(hours=1) if number == 2 else NOW + timedelta(hours=16, minutes=number % 60)
    leaf = {
        "serial_number": f"{number + 4096:x}",
        "subject_alt_names": [{"uri": f"spiffe://cluster.local/ns/{namespace}/sa/{workload}"}],
        "valid_from": (until - timedelta(hours=24)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "expiration_time": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    root = {
        "serial_number": "9e1b2a544b713cfbf6c3ce47b9f02764",
        "valid_from": "2026-01-01T00:00:00Z",
        "expiration_time": "2035-12-30T00:00:00Z",
    }
    return {"certificates": [{"ca_cert": [root], "cert_chain": [leaf]}]}


def _manifest(files: dict[str, str]) -> dict[str, Any]:
    at = f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    entries = [
        {"path": path, "size": len(text), "status": 200, "at": at, "target": "t", "request": "GET /"}
        for path, text in files.items()
    ]
    gap = {"path": "k8s/api/v1/secrets.json", "target": "kubernetes", "status": 403, "reason": "secrets is forbidden"}
    return {"format": 1, "started": at, "finished": at, "redacted": {"key": 3}, "entries": entries, "gaps": [gap]}
