"""Kubernetes' channels over a websocket: each message is a channel's number and bytes of it.

After k8s.io/apimachinery remotecommand (`v4.channel.k8s.io`, `v5.channel.k8s.io`; v5 adds message 255, which
closes one channel) and the kubelet's portforward (`v4.channel.k8s.io`: channels 2n and 2n+1 are data and
error of the n-th port, each begun by the port as two bytes, little endian).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence

from aiohttp import WSMsgType, web

from bugbundle.replay.gate import BEARER
from bugbundle.replay.status import Refusal
from bugbundle.replay.stream.carrier import CHUNK, turn

CLOSE = 255


class Channels:
    """The channels of one websocket."""

    def __init__(self, socket: web.WebSocketResponse, *, coded: bool = False) -> None:
        self._socket = socket
        self._coded = coded
        self._lock = asyncio.Lock()

    async def send(self, channel: int, data: bytes) -> None:
        """Bytes of one channel; `ConnectionError` where nobody listens."""
        for at in range(0, len(data), CHUNK):
            await turn()
            async with self._lock:
                if self._coded:
                    await self._socket.send_str(f"{channel}{base64.b64encode(data[at : at + CHUNK]).decode()}")
                else:
                    await self._socket.send_bytes(bytes([channel]) + data[at : at + CHUNK])

    async def receive(self) -> tuple[int, bytes] | None:
        """The next message as channel and bytes; None at the end, and for what is no message of a channel."""
        while True:
            message = await self._socket.receive()
            if self._coded and message.type is WSMsgType.TEXT:
                return _decoded(message.data)
            if message.type is not WSMsgType.BINARY or not message.data:
                return None
            return message.data[0], bytes(message.data[1:])

    async def close(self) -> None:
        """A close frame."""
        await self._socket.close()


def _decoded(text: str) -> tuple[int, bytes] | None:
    """A message of the base64 protocols: the channel as a digit, then base64."""
    if not text[:1].isascii() or not text[:1].isdigit():
        return None
    try:
        return int(text[0]), base64.b64decode(text[1:], validate=True)
    except ValueError:
        return None


def choose(request: web.Request, known: Sequence[str]) -> str:
    """The first known protocol of those that the client offers; "" where it offers none: binary channels.

    As the kubelet's `wsstream` does. `Refusal` 400 where none is known.
    """
    names = [name for name in offered(request) if not name.startswith(BEARER)]
    if not names:
        return ""
    chosen = next((name for name in known if name in names), None)
    if chosen is None:
        raise Refusal(400, f"unable to negotiate a protocol: server accepts {', '.join(known)}")
    return chosen


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
