"""A server with port-forward and exec over a recording, and a SPDY client for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from bugbundle.replay.pages import Pages
from bugbundle.replay.status import Refusal
from bugbundle.replay.stream import exec_, portforward, spdy


class Complaints(logging.Handler):
    """Everything that is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.records: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record.getMessage() + (f" {record.exc_info[1]!r}" if record.exc_info else ""))


@asynccontextmanager
async def server(pages: Pages) -> AsyncIterator[str]:
    """The base URL of a running server; fails where it logged an error or lost an exception."""

    async def handle(request: web.Request) -> web.StreamResponse:
        answer = portforward if request.path.endswith("/portforward") else exec_
        try:
            return await answer(request, pages, request.match_info["ns"], request.match_info["pod"])
        except Refusal as refusal:
            return web.Response(body=refusal.body(), status=refusal.code, content_type="application/json")

    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.records.append(str(context)))
    app = web.Application()
    app.router.add_route("*", "/{ns}/{pod}/{part}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
        logging.getLogger().removeHandler(complaints)
    assert complaints.records == []


class Client:
    """The client's end of a SPDY session; `said[stream]` is what the server sent, `ended` what it has ended."""

    def __init__(self) -> None:
        self.encoder = spdy.Encoder()
        self.decoder = spdy.Decoder()
        self.said: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self.frames: list[spdy.Frame] = []
        self._next = 1

    async def send(self, data: bytes) -> None:
        """Bytes to the server."""
        raise NotImplementedError

    async def receive(self) -> bytes:
        """Bytes from the server; empty at the end."""
        raise NotImplementedError

    async def open(self, **headers: str) -> int:
        """A new stream's number."""
        number, self._next = self._next, self._next + 2
        await self.send(self.encoder.syn_stream(number, headers))
        return number

    async def until(self, *streams: int) -> None:
        """Read until the server has ended these streams, or the connection."""
        while not set(streams) <= self.ended:
            data = await asyncio.wait_for(self.receive(), 10)
            if not data:
                return
            self.take(data)

    def take(self, data: bytes) -> None:
        """Understand what came."""
        for frame in self.decoder.feed(data):
            self.frames.append(frame)
            if frame.kind == 0:
                self.said[frame.stream] = self.said.get(frame.stream, b"") + frame.body
            if frame.fin:
                self.ended.add(frame.stream)

    async def connect(self, port: int, request: str = "0") -> tuple[int, int]:
        """Error and data stream of a new connection to a port."""
        error = await self.open(streamType="error", port=str(port), requestID=request)
        await self.send(spdy.data(error, b"", fin=True))
        return error, await self.open(streamType="data", port=str(port), requestID=request)


class Tunnelled(Client):
    """Frames in websocket messages."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        super().__init__()
        self._socket = socket

    async def send(self, data: bytes) -> None:
        await self._socket.send_bytes(data)

    async def receive(self) -> bytes:
        message = await self._socket.receive()
        return bytes(message.data) if message.type is aiohttp.WSMsgType.BINARY else b""


class Upgraded(Client):
    """Frames on the connection itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__()
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def receive(self) -> bytes:
        return await self._reader.read(65536)


@asynccontextmanager
async def tunnelled(base: str, pod: str = "shop/web") -> AsyncIterator[Tunnelled]:
    """As istioctl 1.29 and kubectl from 1.31."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{base}/{pod}/portforward", protocols=["SPDY/3.1+portforward.k8s.io"]) as socket,
    ):
        assert socket.protocol == "SPDY/3.1+portforward.k8s.io"
        yield Tunnelled(socket)


async def upgrade(base: str, path: str, *protocols: str) -> tuple[bytes, Upgraded]:
    """As kubectl before 1.31: the answer's head, and the client if it was 101."""
    host = base.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    offers = "".join(f"X-Stream-Protocol-Version: {name}\r\n" for name in protocols)
    head = f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n{offers}\r\n"
    writer.write(head.encode())
    return await reader.readuntil(b"\r\n\r\n"), Upgraded(reader, writer)


@asynccontextmanager
async def upgraded(base: str, path: str, protocol: str) -> AsyncIterator[Upgraded]:
    """A SPDY session by upgrade."""
    head, client = await upgrade(base, path, protocol)
    assert head.startswith(b"HTTP/1.1 101 ") and f"x-stream-protocol-version: {protocol}".encode() in head.lower()
    try:
        yield client
    finally:
        client._writer.close()
