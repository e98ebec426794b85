"""Port-forward: the three ways in which clients carry connections to a pod's port.

A SPDY session in websocket messages (istioctl 1.29, kubectl from 1.31), a SPDY session after an upgrade by
POST (before), two websocket channels per port (the Python client). After the kubelet's
`pkg/kubelet/cri-streaming/portforward` and client-go's `tools/portforward`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from aiohttp import web

from bugbundle.errors import BugbundleError
from bugbundle.replay.pages import Page, Pages, refusal
from bugbundle.replay.pages.layout import ISTIOD, XDS_PLAIN, XDS_TLS
from bugbundle.replay.status import Refusal
from bugbundle.replay.stream import http1
from bugbundle.replay.stream.carrier import MAX_MESSAGE, SECONDS_TO_CLOSE, Carrier, Duplex, WebSocketCarrier, switch
from bugbundle.replay.stream.channels import Channels, choose, is_spdy, is_websocket, versions
from bugbundle.replay.stream.inbox import Inbox
from bugbundle.replay.stream.session import Session, Stream

PROTOCOL = "portforward.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS, CODED = "v4.channel.k8s.io", "v4.base64.channel.k8s.io"
MAX_PORTS = 100
SECONDS_TO_SPEAK = 0.3
"""How long a client may take to speak to a port that is not there; once heard, it sees an orderly end."""


async def portforward(request: web.Request, pages: Pages, namespace: str, pod: str) -> web.StreamResponse:
    """Serve `/api/v1/namespaces/NS/pods/POD/portforward` until the client leaves. Raises `Refusal`."""
    if is_websocket(request):
        return await _by_websocket(request, pages, namespace, pod)
    if not is_spdy(request):
        raise Refusal(400, "Upgrade request required")
    if PROTOCOL not in versions(request):
        raise Refusal(403, f"unable to negotiate a protocol: server accepts {PROTOCOL}")
    response, carrier = await switch(request, {"upgrade": "SPDY/3.1", "x-stream-protocol-version": PROTOCOL})
    await _Forwarder(carrier, pages, namespace, pod).session.serve()
    return response


async def _by_websocket(request: web.Request, pages: Pages, namespace: str, pod: str) -> web.StreamResponse:
    chosen = choose(request, (TUNNEL, CHANNELS, CODED))
    ports = _ports(request) if chosen != TUNNEL else []
    socket = web.WebSocketResponse(
        protocols=[chosen] if chosen else [], max_msg_size=MAX_MESSAGE, compress=False, timeout=SECONDS_TO_CLOSE
    )
    await socket.prepare(request)
    if chosen == TUNNEL:
        await _Forwarder(WebSocketCarrier(socket), pages, namespace, pod).session.serve()
    else:
        await _by_channels(Channels(socket, coded=chosen == CODED), pages, namespace, pod, ports)
    return socket


def _ports(request: web.Request) -> list[int]:
    """The ports of the query, repeated or joined by commas."""
    texts = [text for value in request.query.getall("ports", []) for text in value.split(",")]
    ports = [int(text) for text in texts if text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536]
    if not ports or len(ports) != len(texts) or len(ports) > MAX_PORTS:
        raise Refusal(400, "query parameter 'ports' must be port numbers")
    return ports


async def connect(pages: Pages, namespace: str, pod: str, port: int, duplex: Duplex) -> str:
    """One connection to a port of a pod, to its end. What hindered it, else nothing."""
    if port not in pages.ports(namespace, pod):
        with suppress(TimeoutError):
            await asyncio.wait_for(duplex.read(), SECONDS_TO_SPEAK)
        return refusal(pages, namespace, pod, port)
    try:
        if port in (XDS_PLAIN, XDS_TLS) and ISTIOD in pages.kinds(namespace, pod):
            from bugbundle.replay.stream.xds import splice

            await splice(pages, namespace, pod, duplex, tls=port == XDS_TLS)
            return ""
        return await http1.serve(duplex, partial(_page, pages, namespace, pod, port))
    except BugbundleError as error:
        return error.text
    except ConnectionError:
        raise
    except (OSError, RuntimeError) as error:
        return f"Port {port} of {pod}.{namespace} cannot be served here: {error}"


def _page(pages: Pages, namespace: str, pod: str, port: int, method: str, target: str, body: bytes) -> Page:
    return pages.answer(namespace, pod, port, method, target, body)


class _Forwarder:
    """Pairs the error and the data stream of each connection and connects them to their port."""

    def __init__(self, carrier: Carrier, pages: Pages, namespace: str, pod: str) -> None:
        self.session = Session(carrier, self._opened)
        self._pages, self._namespace, self._pod = pages, namespace, pod
        self._halves: dict[str, dict[str, Stream]] = {}

    def _opened(self, stream: Stream) -> None:
        kind = stream.headers.get("streamtype", "")
        if kind not in ("error", "data"):
            self.session.spawn(stream.finish())
            return
        # Clients of old give no requestID; there a data stream follows its error stream (kubelet, requestID).
        if kind == "error":
            stream.ignore()
        name = stream.headers.get("requestid") or str(stream.number - (2 if kind == "data" else 0))
        halves = self._halves.setdefault(name, {})
        halves[kind] = stream
        if len(halves) == 2:
            del self._halves[name]
            self.session.spawn(self._connect(halves["error"], halves["data"]))
        elif len(self._halves) > MAX_PORTS:
            self._halves.pop(next(iter(self._halves)))

    async def _connect(self, error: Stream, data: Stream) -> None:
        text = data.headers.get("port", "")
        port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
        try:
            hindrance = await connect(self._pages, self._namespace, self._pod, port, data)
            if hindrance:
                await error.write(hindrance.encode())
        except ConnectionError:
            pass
        finally:
            await _finish(error, data)


async def _finish(*streams: Stream) -> None:
    try:
        for stream in streams:
            await stream.finish()
    except (ConnectionError, OSError):
        return


class _Port:
    """One port's data channel."""

    def __init__(self, channels: Channels, number: int) -> None:
        self.inbox = Inbox()
        self._channels, self._number = channels, number

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        return await self.inbox.read()

    async def write(self, data: bytes) -> None:
        """Send to the client."""
        await self._channels.send(self._number, data)


async def _by_channels(channels: Channels, pages: Pages, namespace: str, pod: str, ports: list[int]) -> None:
    """Channels 2n and 2n+1 for the n-th port; the websocket closes when every port's connection has ended."""
    duplexes = [_Port(channels, 2 * index) for index in range(len(ports))]

    async def one(index: int, port: int) -> None:
        hindrance = await connect(pages, namespace, pod, port, duplexes[index])
        if hindrance:
            await channels.send(2 * index + 1, hindrance.encode())

    async def all_ports() -> None:
        with suppress(ConnectionError):
            await asyncio.gather(*(one(index, port) for index, port in enumerate(ports)))
        await channels.close()

    try:
        for index, port in enumerate(ports):
            for channel in (2 * index, 2 * index + 1):
                await channels.send(channel, port.to_bytes(2, "little"))
    except ConnectionError:
        return
    work = asyncio.ensure_future(all_ports())
    try:
        while (message := await channels.receive()) is not None:
            channel, data = message
            if channel % 2 == 0 and channel // 2 < len(duplexes):
                await duplexes[channel // 2].inbox.put(data)
    finally:
        for duplex in duplexes:
            duplex.inbox.drop()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await channels.close()
