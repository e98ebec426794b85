"""What carries frames: a websocket, or the bare connection after a SPDY upgrade.

A carrier has `read` (bytes; empty at the end), `write`, and `close`. A lost peer reads as the end; writing
to it raises `ConnectionError`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol

from aiohttp import WSMsgType, web

MAX_MESSAGE = 4 << 20
"""Bytes of one websocket message; clients send 32 KiB."""
CHUNK = 32768
SECONDS_TO_CLOSE = 0.5
"""How long a client may take to answer a close frame."""


async def turn() -> None:
    """Let the event loop tell of a connection that was lost: over TLS, writing alone never learns of it."""
    await asyncio.sleep(0)


class Duplex(Protocol):
    """Bytes both ways: a forwarded connection as the server inside the pod sees it."""

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send; `ConnectionError` where nobody listens any more."""


class Carrier(Duplex, Protocol):
    """A duplex that can be closed."""

    async def close(self) -> None:
        """No more in either direction."""


class WebSocketCarrier:
    """Binary messages one after another as a stream of bytes (client-go's portforward tunnelling)."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._lock = asyncio.Lock()

    async def read(self) -> bytes:
        """The next message's bytes; text and close end it."""
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY:
                return b""
            if message.data:
                return bytes(message.data)

    async def write(self, data: bytes) -> None:
        """One message."""
        await turn()
        async with self._lock:
            await self._socket.send_bytes(data)

    async def close(self) -> None:
        """A close frame."""
        await self._socket.close()


class RawCarrier:
    """The connection itself, taken over from the HTTP server after `101 Switching Protocols`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self) -> bytes:
        """The next bytes; a reset is an end."""
        try:
            return await self._reader.read(65536)
        except ConnectionError:
            return b""

    async def write(self, data: bytes) -> None:
        """Send and wait for room."""
        await turn()
        if self._writer.is_closing():
            raise ConnectionResetError("the client is gone")
        self._writer.write(data)
        await self._writer.drain()

    async def close(self) -> None:
        """Close the connection once all is sent."""
        self._writer.close()


class _Taken(asyncio.StreamReaderProtocol):
    """The connection's protocol from the upgrade on; tells the HTTP server when the connection is lost."""

    def __init__(self, reader: asyncio.StreamReader, before: asyncio.BaseProtocol) -> None:
        super().__init__(reader)
        self._before = before

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._before.connection_lost(exc)


async def switch(request: web.Request, headers: Mapping[str, str]) -> tuple[web.StreamResponse, RawCarrier]:
    """Answer 101 and take the connection. The response is what the handler returns when it is done."""
    response = web.StreamResponse(status=101, headers={"connection": "Upgrade", **headers})
    response.force_close()
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client is gone")
    await response.prepare(request)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=1 << 18, loop=loop)
    protocol = _Taken(reader, request.protocol)
    transport.set_protocol(protocol)
    protocol.connection_made(transport)
    return response, RawCarrier(reader, asyncio.StreamWriter(transport, protocol, reader, loop))
