"""What is on the wire between two proxies, and what the sides expect of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.ref import Ref
from bugbundle.trace.balance import Socket
from bugbundle.trace.chains import Chain, chain_of
from bugbundle.trace.clusters import upstream_protocol
from bugbundle.trace.connection import Connection
from bugbundle.trace.listeners import DOWNSTREAM
from bugbundle.trace.matchers import SHAPES, Unmodelled
from bugbundle.trace.model import Request
from bugbundle.trace.passage import Passage

ISTIO_ALPN = {
    "http/1.1": ("istio-http/1.1", "istio", "http/1.1"),
    "http/1.0": ("istio-http/1.0", "istio", "http/1.0"),
    "h2": ("istio-h2", "istio", "h2"),
}
"""What Istio's ALPN filter offers (pilot/pkg/networking/core/extension, `istio.alpn`)."""


@dataclass(frozen=True, slots=True)
class Flight:
    """A connection on its way to an address.

    `pod`, `ip` and `identity` (a SPIFFE URI, empty where none is shown) are those of its opener; `hop` is the address
    of the waypoint that takes it, where one does; `hidden` where what is inside is encrypted by the application
    itself; `http` where the opener knows it to be HTTP.
    """

    pod: KubeObject | None
    ip: str
    identity: str
    address: str
    port: int
    socket: Socket
    request: Request
    protocol: str
    hidden: bool = False
    http: bool = True
    alpn: tuple[str, ...] = ()
    hop: str = ""
    automatic: bool = False
    """Whether the client chose mTLS or plain text by what the other side takes (auto mTLS)."""

    made: Ref | None = None
    """The object behind the client's transport: the DestinationRule of the cluster."""

    @property
    def principals(self) -> tuple[str, ...]:
        """The names that the opener shows in TLS."""
        return (self.identity,) if self.identity and self.socket.mode in ("istio", "hbone") else ()

    def connection(self) -> Connection:
        """As the listener at the other end gets it."""
        own = self.socket.mode in ("istio", "tls")
        return Connection(
            source_ip=self.ip,
            source_port=40000,
            destination_ip=self.address,
            destination_port=self.port,
            tls=own or self.hidden,
            sni=self.socket.sni if own else _sni(self.request) if self.hidden else "",
            alpn=self.alpn if own else ("h2", "http/1.1") if self.hidden and self.request.http else (),
            principals=self.principals,
            protocol=self.protocol,
            hidden=self.hidden,
        )

    def offers(self) -> str:
        """What the client side speaks, in words."""
        mode = self.socket.mode
        inside = "the application's own TLS" if self.hidden else self.protocol
        if mode == "istio":
            who = f" as {self.identity.removeprefix('spiffe://')}" if self.identity else ""
            return f"mTLS of the mesh{who}, {inside} inside"
        if mode == "tls":
            sni = f" (server name {self.socket.sni})" if self.socket.sni else ""
            return f"TLS{sni} without the mesh's certificate, {inside} inside"
        if mode == "hbone":
            return f"HBONE as {self.identity.removeprefix('spiffe://')}, {inside} inside"
        return "TLS of the application" if self.hidden else f"plain {self.protocol}"


def _sni(request: Request) -> str:
    host = request.host
    return "" if host.replace(".", "").isdigit() or ":" in host else host


def first(request: Request, pod: KubeObject | None, ip: str, identity: str, address: str) -> Flight:
    """The connection that the application (or whoever is outside) opens."""
    protocol = {"http": "http/1.1", "https": "http/1.1", "grpc": "h2"}.get(request.scheme, "tcp")
    return Flight(pod, ip, identity, address, request.port, Socket(), request, protocol, request.tls, request.http)


def after(passage: Passage, socket: Socket, address: str, port: int, hop: str = "") -> Flight:
    """The connection that an Envoy opens to an endpoint for what it passed on."""
    before = passage.connection
    target = passage.target
    body: dict[str, Any] = target.body if target else {}
    protocol = upstream_protocol(body, before.protocol) if passage.http else before.protocol
    hidden = (before.hidden or (before.tls and not passage.tls)) and not passage.http
    pod = passage.envoy.proxy.pod
    from bugbundle.trace.places import addresses_of, places

    known = places(passage.envoy.proxy.mesh)
    ip = (addresses_of(pod) or ("",))[0] if pod else ""
    alpn = socket.alpn
    if socket.mode == "istio" and passage.alpn and passage.http:
        alpn = ISTIO_ALPN.get(protocol, alpn)
    return Flight(
        pod, ip, known.identity(pod) if pod else "", address, port, socket, _rewritten(passage), protocol, hidden,
        passage.http, alpn, hop, "transport_socket_matches" in body, target.made if target else None,
    )  # fmt: skip


def _rewritten(passage: Passage) -> Request:
    """The request as the next proxy gets it."""
    if not passage.http:
        return passage.request
    request, headers = passage.request, passage.headers
    kept = [(name, value) for name, value in request.headers if name not in ("host", ":authority", "x-forwarded-proto")]
    authority = headers.get(":authority") or request.authority
    kept += [("host", authority), ("x-forwarded-proto", headers.get("x-forwarded-proto") or "http")]
    scheme = "grpc" if request.scheme == "grpc" else "http"
    return Request(
        request.source, request.host, request.port, scheme, request.method, headers.get(":path") or request.path,
        tuple(kept), request.gateway, request.from_ip, request.to_ip,
    )  # fmt: skip


def mode_of(listener: dict[str, Any], connection: Connection) -> str:
    """The mTLS mode of a port, as its filter chains say it: STRICT, PERMISSIVE, DISABLE; empty for no chain at all."""
    said = demands(listener, connection)
    return next((mode for word, mode in _MODES.items() if word in said), "")


_MODES = {"(STRICT)": "STRICT", "(PERMISSIVE)": "PERMISSIVE", "mTLS off": "DISABLE"}


def demands(listener: dict[str, Any], connection: Connection) -> str:
    """What a listener takes at a connection's port, in words: mTLS, plain text, both."""
    plain = _chain(listener, connection, False)
    secure = _chain(listener, connection, True)
    mtls = secure is not None and _ends_tls(secure)
    if mtls and plain is not None and not _ends_tls(plain):
        return "mTLS of the mesh, or plain text (PERMISSIVE)"
    if mtls:
        return "mTLS of the mesh only (STRICT)"
    return "plain text, or the application's own TLS (mTLS off)" if plain is not None else "nothing at this port"


def _chain(listener: dict[str, Any], here: Connection, tls: bool) -> Chain | None:
    alpn = (
        ("istio-http/1.1", "istio", "http/1.1")
        if here.protocol.startswith("http")
        else ("istio-peer-exchange", "istio")
    )
    other = Connection(
        here.source_ip, here.source_port, here.destination_ip, here.destination_port, tls, "", alpn if tls else (),
        ("spiffe://",) if tls else (), here.protocol,
    )  # fmt: skip
    try:
        return chain_of(listener, other)
    except (Unmodelled, *SHAPES):
        return None


def _ends_tls(chain: Chain) -> bool:
    socket = chain.body.get("transport_socket")
    config = socket.get("typed_config") if isinstance(socket, dict) else None
    return isinstance(config, dict) and str(config.get("@type", "")).endswith(DOWNSTREAM)
