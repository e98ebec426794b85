"""Certificates that proxies hold, and the roots that the mesh goes by.

Certificates are public; keys are never read. `bugbundle.certificates` is loaded on first use only.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bugbundle.mesh import Mesh, Pointer, Proxy, Ztunnel
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.facts import SecretFacts
from bugbundle.mesh.kinds import CONFIG_MAP
from bugbundle.mesh.kube import as_list, as_text, dicts, texts
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Ref
from bugbundle.xds import Xds

if TYPE_CHECKING:
    from bugbundle.certificates import Certificate

WORKLOAD = "default"
ROOT = "ROOTCA"
ROOT_MAP = "istio-ca-root-cert"


@dataclass(frozen=True, slots=True)
class Held:
    """One certificate (or set of roots) that a proxy or a ztunnel holds; `name` is the secret's or the identity.

    `chain` and `roots` are read, `chain_pem` and `roots_pem` as recorded; `at` is when its holder was asked.
    """

    holder: Proxy | Ztunnel
    name: str
    pointer: Pointer
    chain_pem: bytes
    roots_pem: bytes
    chain: tuple[Certificate, ...]
    roots: tuple[Certificate, ...]
    at: datetime | None

    @property
    def spiffe(self) -> str:
        """The SPIFFE identity of the leaf; empty where it has none."""
        sans = self.chain[0].sans if self.chain else ()
        return next((san[4:] for san in sans if san.startswith("URI:spiffe://")), "")


@once
def held(mesh: Mesh) -> list[Held]:
    """Every certificate of every proxy; each distinct one is read once."""
    reader = _Reader()
    found = [one for proxy in mesh.proxies for one in _of_proxy(proxy, reader)]
    return found + [one for ztunnel in mesh.ztunnels for one in _of_ztunnel(ztunnel, reader)]


class _Reader:
    """Base64 of PEM → PEM and certificates, remembered."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[bytes, tuple[Certificate, ...]]] = {}

    def __call__(self, text: str) -> tuple[bytes, tuple[Certificate, ...]]:
        from bugbundle.certificates import read_pem

        if text not in self._known:
            pem = _pem(text)
            self._known[text] = (pem, tuple(read_pem(pem)))
        return self._known[text]


def _pem(text: str) -> bytes:
    if text.startswith("-----"):
        return text.encode()
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""


def _of_proxy(proxy: Proxy, read: _Reader) -> Iterator[Held]:
    at = proxy.mesh.bundle.at(proxy.entry("config_dump.json")) or proxy.mesh.now
    for resource in proxy.dump.resources(Xds.SDS, "dynamic_active") if proxy.dump else ():
        facts = resource.facts()
        if isinstance(facts, SecretFacts):
            chain_pem, chain = read(facts.chain)
            roots_pem, roots = read(facts.ca)
            yield Held(proxy, resource.name, resource.pointer, chain_pem, roots_pem, chain, roots, at)


def _of_ztunnel(ztunnel: Ztunnel, read: _Reader) -> Iterator[Held]:
    at = ztunnel.mesh.bundle.at(ztunnel.entry("config_dump.json")) or ztunnel.mesh.now
    for number, item in enumerate(dicts(ztunnel.config.get("certificates"))):
        chain_pem, chain = _join(item.get("certChain"), read)
        roots_pem, roots = _join(item.get("rootCerts"), read)
        pointer = Pointer(ztunnel.entry("config_dump.json"), f"/certificates/{number}")
        yield Held(ztunnel, as_text(item.get("identity")), pointer, chain_pem, roots_pem, chain, roots, at)


def _join(rows: object, read: _Reader) -> tuple[bytes, tuple[Certificate, ...]]:
    parts = [read(as_text(row.get("pem"))) for row in dicts(rows)]
    return b"\n".join(pem for pem, _ in parts), tuple(one for _, found in parts for one in found)


def mesh_roots(mesh: Mesh) -> dict[str, frozenset[str]]:
    """namespace → fingerprints of the roots in its ConfigMap `istio-ca-root-cert`."""
    from bugbundle.certificates import read_pem

    found: dict[str, frozenset[str]] = {}
    known: dict[str, frozenset[str]] = {}
    for item in mesh.kube.list(CONFIG_MAP):
        if item.name == ROOT_MAP:
            text = texts(item.raw.get("data")).get("root-cert.pem", "")
            if text not in known:
                known[text] = frozenset(one.fingerprint for one in read_pem(text.encode()))
            found[item.namespace] = known[text]
    return found


def majority(roots: dict[str, frozenset[str]]) -> frozenset[str]:
    """The roots that most namespaces have; empty where there are none."""
    counts = Counter(found for found in roots.values() if found)
    return counts.most_common(1)[0][0] if counts else frozenset()


def trust_domains(mesh: Mesh) -> frozenset[str]:
    """`trustDomain` and `trustDomainAliases` of MeshConfig; empty where it was not recorded."""
    config = mesh_config(mesh)
    if not config:
        return frozenset()
    aliases = [as_text(item) for item in as_list(config.get("trustDomainAliases"))]
    return frozenset([as_text(config.get("trustDomain")) or "cluster.local", *filter(None, aliases)])


def secret_ref(name: str, namespace: str) -> Ref | None:
    """The Kubernetes Secret behind an SDS name (`kubernetes://cert`, `kubernetes-gateway://ns/cert`); None for others.

    Source: istio/pilot/pkg/credentials (security/credentialfetcher names of secrets).
    """
    scheme, found, rest = name.partition("://")
    if not found or scheme not in ("kubernetes", "kubernetes-gateway"):
        return None
    rest = rest.removesuffix("-cacert")
    space, slash, plain = rest.partition("/")
    return Ref("Secret", space, plain) if slash else Ref("Secret", namespace, rest)
