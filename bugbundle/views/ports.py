"""Ports of services: which protocol Istio takes them for, which port of a pod they lead to.

Sources: pkg/config/kube/conversion.go, pkg/config/protocol/instance.go, pilot's FindPort.
"""

from __future__ import annotations

from typing import Any

from bugbundle.mesh.kube import KubeObject, as_text, dicts

PROTOCOLS = {
    "tcp": "TCP",
    "udp": "UDP",
    "grpc": "GRPC",
    "grpc-web": "GRPC-Web",
    "http": "HTTP",
    "http_proxy": "HTTP_PROXY",
    "http2": "HTTP2",
    "https": "HTTPS",
    "tls": "TLS",
    "mongo": "Mongo",
    "redis": "Redis",
    "mysql": "MySQL",
}
UNSUPPORTED = "UnsupportedProtocol"
_KUBERNETES = {"kubernetes.io/h2c": "HTTP2", "kubernetes.io/ws": "HTTP", "kubernetes.io/wss": "HTTPS"}
_SERVER_FIRST = (25, 53, 3306, 27017)


def protocol(port: dict[str, Any]) -> str:
    """The protocol that Istio takes a service's port for; `UnsupportedProtocol` where its name says none."""
    if port_kind(port) == "UDP":
        return "UDP"
    name = as_text(port.get("name"))
    declared = port.get("appProtocol")
    if isinstance(declared, str):
        if declared in _KUBERNETES:
            return _KUBERNETES[declared]
        name = declared
    if name[:8].lower() == "grpc-web":
        return "GRPC-Web"
    found = PROTOCOLS.get(name.partition("-")[0].lower(), UNSUPPORTED)
    return "TCP" if found == UNSUPPORTED and port.get("port") in _SERVER_FIRST else found


def port_kind(port: dict[str, Any]) -> str:
    """`TCP`, `UDP` or `SCTP`."""
    return as_text(port.get("protocol")) or "TCP"


def target_port(pod: KubeObject, port: dict[str, Any]) -> int | None:
    """The pod's port behind a service's port; None where no container has a port of that name."""
    target = port.get("targetPort", port.get("port"))
    if not isinstance(target, str):
        return target if isinstance(target, int) else 0
    for container in dicts(pod.spec.get("containers")):
        for exposed in dicts(container.get("ports")):
            if exposed.get("name") == target and port_kind(exposed) == port_kind(port):
                number = exposed.get("containerPort")
                return number if isinstance(number, int) else None
    return None
