"""A small recording: one sidecar, one istiod, one ztunnel, and what could not be asked."""

from __future__ import annotations

import json
from typing import Any

from bugbundle.bundle import Bundle
from bugbundle.replay.pages import Pages

ADMIN = "type.googleapis.com/envoy.admin.v3."
ISTIOD = ("istio-system", "istiod-1")


def section(name: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"{ADMIN}{name}", **fields}


DUMP = {
    "configs": [
        section("BootstrapConfigDump", bootstrap={"node": {"id": "sidecar~web", "cluster": "web"}, "admin": {}}),
        section(
            "ClustersConfigDump",
            version_info="1",
            static_clusters=[{"cluster": {"@type": "C", "name": "agent"}}],
            dynamic_active_clusters=[
                {"cluster": {"@type": "C", "name": "outbound|80||a"}, "last_updated": "t"},
                {"cluster": {"@type": "C", "name": "outbound|80||b"}},
            ],
        ),
        section("EndpointsConfigDump", dynamic_endpoint_configs=[{"endpoint_config": {"cluster_name": "a"}}]),
        section("ListenersConfigDump", dynamic_listeners=[{"name": "virtualInbound"}]),
    ]
}
SYNCZ = [
    {
        "cluster_id": "Kubernetes",
        "proxy": "web.shop",
        "proxy_type": "sidecar",
        "istio_version": "1.29.6",
        "resources": {
            "type.googleapis.com/envoy.config.listener.v3.Listener": {
                "sent": "b",
                "acked": "a",
                "sentTime": "2026-11-21T01:00:00.123456789Z",
                "lastError": "bad filter",
            },
            "type.googleapis.com/envoy.config.cluster.v3.Cluster": {
                "sent": "a",
                "acked": "a",
                "sentTime": "2026-11-21T01:00:00Z",
            },
            "type.googleapis.com/envoy.config.route.v3.RouteConfiguration": {"sent": "b", "acked": "a"},
            "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment": {},
        },
    },
    {"cluster_id": "Kubernetes", "proxy": "ztunnel-1.istio-system", "proxy_type": "ztunnel", "resources": {}},
    {"proxy": "test-1.default", "proxy_type": "sidecar", "istio_version": "65536.65536.65536"},
]
ISTIOD_DUMP = {
    "configs": [
        section("BootstrapConfigDump"),
        section(
            "ClustersConfigDump",
            versionInfo="v7",
            dynamicActiveClusters=[
                {
                    "cluster": {
                        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                        "name": "outbound|80||a",
                        "connectTimeout": "10s",
                        "typedExtensionProtocolOptions": {
                            "x": {"@type": "type.googleapis.com/nowhere.published.Thing", "field": {"a": 1}}
                        },
                    }
                }
            ],
        ),
    ]
}


def envoy_print(value: Any) -> str:
    """JSON as Envoy prints it."""
    return json.dumps(value, indent=1) + "\n"


ENTRIES: dict[str, str] = {
    "bundle.json": json.dumps({"format": 1, "tool": "test", "started": "2026-11-21T01:02:00Z"}),
    "proxies/shop/web/config_dump.json": envoy_print(DUMP),
    "proxies/shop/web/ready.txt": "LIVE\n",
    "proxies/shop/web/memory.json": '{\n "allocated": "1"\n}\n',
    "proxies/shop/web/stats.txt": (
        'a.text: "hello"\nb.count: 3\nb.zero: 0\nc.time: P0(nan,1) P50(nan,2.5)\nc.none: No recorded values\n'
    ),
    "proxies/shop/web/metrics.txt": (
        '# TYPE istio_agent_x counter\nistio_agent_x 1\n# TYPE envoy_y counter\nenvoy_y{a="b"} 2\n'
    ),
    "proxies/shop/web/healthz_ready.txt": "",
    "istiod/istio-system/istiod-1/debug/syncz.json": json.dumps(SYNCZ),
    "istiod/istio-system/istiod-1/debug/list.json": '["syncz"]',
    "istiod/istio-system/istiod-1/debug/mesh.json": '{"a":[1,{}],"b":"<"}',
    "istiod/istio-system/istiod-1/debug/config_dump/web.shop.json": json.dumps(ISTIOD_DUMP),
    "istiod/istio-system/istiod-1/version.txt": "1.29.6-abc-Clean",
    "istiod/istio-system/istiod-1/controlz/scope.json": '[{"name":"ads"}]',
    "ztunnel/istio-system/ztunnel-1/config_dump.json": '{"workloads":[]}',
    "ztunnel/istio-system/ztunnel-1/metrics.txt": "zt 1\n",
    "ztunnel/istio-system/ztunnel-1/logging.txt": "current log level is info\n",
}
GAPS = [
    {
        "path": "proxies/shop/web/certs.json",
        "target": "proxy web.shop:15000",
        "request": "GET /certs",
        "status": 0,
        "reason": "connection refused",
    },
    {
        "path": "istiod/istio-system/istiod-1/debug/config_dump/lost.shop.json",
        "target": "istiod istiod-1.istio-system:15014",
        "request": "GET /debug/config_dump?proxyID=lost.shop",
        "status": 404,
        "reason": "Proxy not connected",
    },
]


def mesh(**more: str) -> Bundle:
    """The recording, with its manifest."""
    manifest = {"format": 1, "entries": [], "gaps": GAPS}
    return Bundle.from_entries({**ENTRIES, **more, "manifest.json": json.dumps(manifest)})


def pages() -> Pages:
    return Pages(mesh())
