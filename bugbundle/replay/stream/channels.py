"""Kubernetes' channels over a websocket: each message is a channel's number and bytes of it.

After k8s.io/apimachinery remotecommand (`v4.channel.k8s.io`, `v5.channel.k8s.io`; v5 adds message 255, which
closes one channel) and the kubelet's portforward (`v4.channel.k8s.io`: channels 2n and 2n+1 are data and
error of the n-th port, each begun by the port as two bytes, little endian).
"""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from bugbundle.replay.stream.carrier import CHUNK, turn

CLOSE = 255


class Channels:
    """The channels of one websocket."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._lock = asyncio.Lock()

    async def send(self, channel: int, data: bytes) -> None:
        """Bytes of one channel; `ConnectionError` where nobody listens."""
        for at in range(0, len(data), CHUNK):
            await turn()
            async with self._lock:
                await self._socket.send_bytes(bytes([channel]) + data[at : at + CHUNK])

    async def receive(self) -> tuple[int, bytes] | None:
        """The next message as channel and bytes; None at the end, and for what is no message of a channel."""
        while True:
            message = await self._socket.receive()
            if message.type is not WSMsgType.BINARY or not message.data:
                return None
            return message.data[0], bytes(message.data[1:])

    async def close(self) -> None:
        """A close frame."""
        await self._socket.close()


def offered(request: web.Request) -> list[str]:
    """The subprotocols that the client offers, best first."""
    values = request.headers.getall("Sec-WebSocket-Protocol", [])
    return [name.strip() for value in values for name in value.split(",") if name.strip()]


def is_websocket(request: web.Request) -> bool:
    """Whether this is a websocket's opening handshake."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


def is_spdy(request: web.Request) -> bool:
    """Whether this asks for a SPDY/3.1 upgrade."""
    return request.headers.get("Upgrade", "").lower() == "spdy/3.1"


def versions(request: web.Request) -> list[str]:
    """The stream protocols that a SPDY client offers, best first."""
    values = request.headers.getall("X-Stream-Protocol-Version", [])
    return [name.strip() for value in values for name in value.split(",") if name.strip()]
