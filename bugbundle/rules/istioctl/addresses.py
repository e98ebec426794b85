"""Addresses of webhooks outside the cluster, read as Go's `net/url` reads them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_text, dicts

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HOST = re.compile(r"(?:[A-Za-z0-9_.~!$&'()*+,;=:\[\]<>\"-]|[^\x00-\x7f]|%(?:[89A-Fa-f][0-9A-Fa-f]|25))*")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PORT = re.compile(r"(?::[0-9]*)?")


class Address(NamedTuple):
    """Where a webhook of Istio's is called: None where it names a Service, or a URL, which may be empty."""

    config: KubeObject
    place: str
    hook: str
    url: str | None
    service: bool


def addresses(mesh: Mesh) -> Iterator[Address]:
    """Every webhook of the configurations that a cluster with an external control plane has."""
    for resource, names in ((res.VALIDATING, ("istio-validator",)), (res.MUTATING, ("istio-sidecar-injector",))):
        for config in analysed(mesh, resource):
            if not config.name.startswith(names) and config.name != "istiod-default-validator":
                continue
            for number, hook in enumerate(dicts(config.raw.get("webhooks"))):
                client = as_dict(hook.get("clientConfig"))
                url = client.get("url")
                yield Address(
                    config,
                    f"/webhooks/{number}/clientConfig",
                    as_text(hook.get("name")),
                    url if isinstance(url, str) else None,
                    isinstance(client.get("service"), dict),
                )


def host_of(url: str) -> str | None:
    """`url.Parse(url).Hostname()`; None where Go refuses the URL."""
    if _CONTROL.search(url):
        return None
    rest = url.partition("#")[0]
    scheme = _SCHEME.match(rest)
    if scheme is None and rest.startswith(":"):
        return None
    rest = rest[scheme.end() if scheme else 0 :].partition("?")[0]
    if not rest.startswith("/"):
        refused = scheme is None and ":" in rest.partition("/")[0]
        return None if refused or _BAD_ESCAPE.search(rest) else ""
    if not rest.startswith("//") or (scheme is None and rest.startswith("///")):
        return None if _BAD_ESCAPE.search(rest) else ""
    authority, _, path = rest[2:].partition("/")
    return None if _BAD_ESCAPE.search(path) else _hostname(authority.rpartition("@")[2])


def _hostname(host: str) -> str | None:
    """The name in `name:port` or `[address]:port`."""
    if not _HOST.fullmatch(host):
        return None
    if host.startswith("["):
        inside, bracket, port = host[1:].rpartition("]")
        return inside if bracket and _PORT.fullmatch(port) else None
    name, colon, port = host.rpartition(":")
    return (name if colon else host) if _PORT.fullmatch(colon + port if colon else "") else None


def is_ip(host: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
