"""Istio Gateways: their pods, hosts, certificates, and where two of them meet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.config.istiod_version import newest_version
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts


def gateway(mesh: Mesh, namespace: str, name: str) -> KubeObject | None:
    """What a VirtualService's `gateways` may name: a Gateway of Istio's; from 1.30 on one of the Gateway API too."""
    found = mesh.kube.get(res.GATEWAY, namespace, name)
    if found is None and newest_version(mesh) >= (1, 30):
        return mesh.kube.get(res.K8S_GATEWAY, namespace, name)
    return found


def served_hosts(mesh: Mesh, namespace: str, name: str, client: str) -> list[str]:
    """The hosts of a Gateway (Istio's, else the Gateway API's) that VirtualServices of `client` may bind."""
    found = gateway(mesh, namespace, name)
    if found is None:
        return []
    if "listeners" in found.spec:
        return [as_text(listener.get("hostname")) or "*" for listener in dicts(found.spec.get("listeners"))]
    hosts = [h for server in dicts(found.spec.get("servers")) for h in texts_of(server.get("hosts"))]
    return [host for host in (_for_namespace(h, namespace, client) for h in hosts) if host]


def _for_namespace(host: str, owner: str, client: str) -> str:
    space, slash, name = host.partition("/")
    if not slash:
        return host
    space = owner if space == "." else space
    return name if space in ("*", client) else ""


def plain_hosts(server: dict[str, Any]) -> list[str]:
    """A server's hosts without the namespace in front."""
    return [host.rpartition("/")[2] for host in texts_of(server.get("hosts"))]


def certificates_of(gateway: KubeObject) -> list[tuple[str, ...]]:
    """What identifies each certificate that a Gateway serves: the Secret's name, or the two files."""
    found: list[tuple[str, ...]] = []
    for server in dicts(gateway.spec.get("servers")):
        tls = as_dict(server.get("tls"))
        name = as_text(tls.get("credentialName"))
        files = (as_text(tls.get("serverCertificate")), as_text(tls.get("privateKey")))
        if name:
            found.append((name,))
        elif all(files):
            found.append(files)
    return list(dict.fromkeys(found))


class Server(NamedTuple):
    """One server of one Gateway."""

    gateway: KubeObject
    number: int
    raw: dict[str, Any]

    @property
    def port(self) -> int:
        """Its port."""
        found = as_dict(self.raw.get("port")).get("number")
        return found if isinstance(found, int) else 0

    @property
    def protocol(self) -> str:
        """Its protocol in upper case."""
        return as_text(as_dict(self.raw.get("port")).get("protocol")).upper()

    @property
    def credential(self) -> str:
        """The Secret, or the file, that its TLS uses."""
        tls = as_dict(self.raw.get("tls"))
        return as_text(tls.get("credentialName")) or as_text(tls.get("serverCertificate"))

    @property
    def mode(self) -> str:
        """Its TLS mode; empty without TLS."""
        return as_text(as_dict(self.raw.get("tls")).get("mode"))

    @property
    def place(self) -> str:
        """Its JSON pointer inside the Gateway."""
        return f"/spec/servers/{self.number}"

    def text(self) -> str:
        """One line: port, protocol, hosts, TLS."""
        tls = f", tls {self.mode} {self.credential}".rstrip() if self.mode else ""
        return f"{self.gateway}: port {self.port} {self.protocol}, hosts {', '.join(plain_hosts(self.raw))}{tls}"


def servers(gateways: list[KubeObject]) -> Iterator[Server]:
    """Every server of these Gateways."""
    for gateway in gateways:
        for number, raw in enumerate(dicts(gateway.spec.get("servers"))):
            yield Server(gateway, number, raw)


def selector_of(gateway: KubeObject) -> dict[str, str]:
    """The labels of the pods that a Gateway configures."""
    return texts(gateway.spec.get("selector"))
