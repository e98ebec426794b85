"""The protocol that a Service's port declares."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.kube import as_text

KNOWN = frozenset(
    {
        "tcp",
        "udp",
        "grpc",
        "grpc-web",
        "http",
        "http_proxy",
        "http2",
        "https",
        "tls",
        "mongo",
        "redis",
        "mysql",
    }
)
APP = {"kubernetes.io/h2c": "http2", "kubernetes.io/ws": "http", "kubernetes.io/wss": "https"}
SERVER_FIRST = frozenset({25, 53, 3306, 27017})


def protocol(port: dict[str, Any]) -> str | None:
    """The declared protocol in lower case; None where neither name nor appProtocol tells one Istio knows."""
    if as_text(port.get("protocol")).upper() == "UDP":
        return "udp"
    name = (as_text(port.get("appProtocol")) or as_text(port.get("name"))).lower()
    if name in APP:
        return APP[name]
    if name == "hbone":
        return name
    if name.startswith("grpc-web"):
        return "grpc-web"
    head = name.partition("-")[0]
    if head in KNOWN:
        return head
    number = port.get("port")
    return "tcp" if isinstance(number, int) and number in SERVER_FIRST else None


def own_service(service: KubeObject) -> bool:
    """Whether a Service is the user's: neither Istio's own nor made for a Gateway."""
    labels = service.labels
    own = "istio" in labels or labels.get("release") == "istio"
    return not own and "gateway.istio.io/managed" not in labels
