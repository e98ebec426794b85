"""A watch over a websocket: each event one message of text, as the API server writes them.

Source: `HandleWS` in k8s.io/apiserver/pkg/endpoints/handlers/watch.go. The protocol that the client offers is taken
(`base64.binary.k8s.io` of browsers as well), the events are JSON in any case.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from aiohttp import web

from bugbundle.replay.gate import BEARER
from bugbundle.replay.stream.carrier import MAX_MESSAGE, SECONDS_TO_CLOSE, turn
from bugbundle.replay.stream.channels import offered


async def watch_by_websocket(
    request: web.Request, events: Iterable[bytes], closing: asyncio.Event, seconds: float
) -> web.StreamResponse:
    """What there is, then nothing, until the client leaves, the server ends, or `seconds` are over."""
    spoken = [name for name in offered(request) if not name.startswith(BEARER)][:1]
    socket = web.WebSocketResponse(protocols=spoken, max_msg_size=MAX_MESSAGE, compress=False, timeout=SECONDS_TO_CLOSE)
    await socket.prepare(request)
    ended = asyncio.ensure_future(closing.wait())
    left = asyncio.ensure_future(_drain(socket))
    try:
        with suppress(ConnectionError):
            for event in events:
                await turn()
                if left.done():
                    break
                await socket.send_str(event.decode("utf-8", "replace"))
            await asyncio.wait([ended, left], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        await socket.close()
    finally:
        ended.cancel()
        left.cancel()
        await asyncio.gather(ended, left, return_exceptions=True)
    return socket


async def _drain(socket: web.WebSocketResponse) -> None:
    """Answer pings; returns when the client closes."""
    async for _ in socket:
        pass
