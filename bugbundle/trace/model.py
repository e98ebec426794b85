"""The words of a trace: the request that is asked about, its steps, and the closed list of its endings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bugbundle.errors import UsageError
from bugbundle.mesh.ref import Ref

PORTS = {"http": 80, "grpc": 80, "https": 443, "tls": 443}
"""Scheme → port where the URL has none. `tcp` needs one."""

SCHEMES = ("http", "https", "grpc", "tcp", "tls")


class Ending(StrEnum):
    """How a request ends. A closed list."""

    DELIVERED = "DELIVERED"
    REDIRECTED = "REDIRECTED"
    ANSWERED = "ANSWERED"
    DENIED = "DENIED"
    NO_ROUTE = "NO_ROUTE"
    NO_CLUSTER = "NO_CLUSTER"
    NO_HEALTHY_ENDPOINT = "NO_HEALTHY_ENDPOINT"
    TLS_MISMATCH = "TLS_MISMATCH"
    PROTOCOL_MISMATCH = "PROTOCOL_MISMATCH"
    BLOCKED = "BLOCKED"
    OUTSIDE_MESH = "OUTSIDE_MESH"
    LOOP = "LOOP"
    INSUFFICIENT_INFO = "INSUFFICIENT_INFO"
    NOT_MODELLED = "NOT_MODELLED"


ARRIVES = frozenset({Ending.DELIVERED, Ending.OUTSIDE_MESH})
"""The endings of a request that leaves the mesh's proxies as its sender meant."""


class Resource(NamedTuple):
    """The recorded thing that decided: `kind` LDS, RDS, CDS, EDS, Pod, NetworkPolicy, …; `pointer` as printed."""

    kind: str
    name: str
    pointer: str


class Expects(NamedTuple):
    """What the two sides of a connection expect of it, where they meet."""

    client: str
    server: str


class Step(NamedTuple):
    """One decision: where, what, by which resource, made by which object, and what both sides expect."""

    at: str
    decision: str
    resource: Resource | None = None
    object: Ref | None = None
    expects: Expects | None = None


class Endpoint(NamedTuple):
    """Where a cluster may send: address and port, Envoy's health of it, and the pod that has the address."""

    address: str
    port: int
    health: str = "HEALTHY"
    pod: str = ""

    def __str__(self) -> str:
        """`address:port`."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, by whom, to where.

    `source` is `pod.namespace`; empty for a request from outside. `gateway` is `name.namespace` of the gateway that a
    request from outside enters. `host` is a name or an address without port. `scheme`: `http` and `grpc` are plain,
    `https` and `tls` are encrypted by the client itself, `tcp` is any other stream. `to_ip` names the destination's
    address where it is known (of an access log), `from_ip` the client's.
    """

    source: str = ""
    host: str = ""
    port: int = 80
    scheme: str = "http"
    method: str = "GET"
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()
    gateway: str = ""
    from_ip: str = ""
    to_ip: str = ""

    @classmethod
    def of(
        cls,
        source: str,
        url: str,
        *,
        method: str = "GET",
        headers: Iterable[tuple[str, str]] = (),
        gateway: str = "",
        from_ip: str = "",
        to_ip: str = "",
    ) -> Request:
        """The request that a URL says. Raises `UsageError` for one that cannot be read."""
        scheme, host, port, path = _split(url)
        lower = tuple((name.lower(), value) for name, value in headers)
        return cls(source, host, port, scheme, method.upper(), path, lower, gateway, from_ip, to_ip)

    @property
    def tls(self) -> bool:
        """Whether the client itself encrypts."""
        return self.scheme in ("https", "tls")

    @property
    def http(self) -> bool:
        """Whether it is HTTP, encrypted or not."""
        return self.scheme in ("http", "https", "grpc")

    @property
    def authority(self) -> str:
        """`:authority`: the header `host` where one is given, else host and port, as clients write it."""
        given = next((value for name, value in self.headers if name in ("host", ":authority")), "")
        if given:
            return given
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS.get(self.scheme) else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL that it asks for."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path if self.http else ''}"

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "from": self.source, "gateway": self.gateway, "url": self.url, "method": self.method,
            "headers": dict(self.headers), "fromIP": self.from_ip, "toIP": self.to_ip,
        }  # fmt: skip


def _split(url: str) -> tuple[str, str, int, str]:
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text)
        host, given = parts.hostname or "", parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is not a URL ({error})", todo="Write it as http://reviews:9080/path") from None
    if parts.scheme not in SCHEMES:
        raise UsageError(f"unknown scheme {parts.scheme!r} in {url!r}", todo=f"Use one of {', '.join(SCHEMES)}")
    port = given if given is not None else PORTS.get(parts.scheme, 0)
    if not host or not port:
        raise UsageError(f"{url!r} has no {'port' if host else 'host'}", todo="Write it as http://reviews:9080/path")
    query = f"?{parts.query}" if parts.query else ""
    return parts.scheme, host, port, (parts.path or "/") + query


@dataclass(slots=True)
class Walk:
    """A request from its sender to its end.

    `flag`, `code` and `cluster` are those of the first proxy that it met (the client's account), `clusters` all that a
    weighted route may choose; `details` is Envoy's response code details; `because` the object that made the ending.
    """

    request: Request
    steps: list[Step] = field(default_factory=list)
    ending: Ending = Ending.INSUFFICIENT_INFO
    flag: str = ""
    code: int | None = None
    cluster: str = ""
    clusters: list[str] = field(default_factory=list)
    route: str = ""
    endpoints: list[Endpoint] = field(default_factory=list)
    because: Ref | None = None
    details: str = ""
    reason: str = ""
    personal: bool = False
    """Whether anything on the way asked who the client is: then another client may end otherwise."""

    @property
    def arrives(self) -> bool:
        """Whether it reaches an application."""
        return self.ending in ARRIVES

    def as_dict(self) -> dict[str, Any]:
        """As JSON, format 1."""
        return {
            "format": 1,
            "request": self.request.as_dict(),
            "steps": [_step(step) for step in self.steps],
            "ending": self.ending.value,
            "flag": self.flag,
            "code": self.code,
            "cluster": self.cluster,
            "clusters": self.clusters,
            "route": self.route,
            "endpoints": [
                {"address": e.address, "port": e.port, "health": e.health, "pod": e.pod} for e in self.endpoints
            ],
            "because": _named(self.because),
            "details": self.details,
            "reason": self.reason,
        }


def _step(step: Step) -> dict[str, Any]:
    return {
        "at": step.at,
        "decision": step.decision,
        "resource": _named(step.resource),
        "object": _named(step.object),
        "expects": _named(step.expects),
    }


def _named(value: Resource | Ref | Expects | None) -> dict[str, Any] | None:
    return value._asdict() if value is not None else None
