"""A SPDY connection over a carrier: streams that the client opens, read and written side by side.

Flow control is the carrier's, as in client-go's spdystream: neither side sends or minds WINDOW_UPDATE; a
stream whose reader lags holds the whole connection back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from bugbundle.replay.stream import spdy
from bugbundle.replay.stream.carrier import CHUNK, Carrier
from bugbundle.replay.stream.inbox import Inbox

MAX_STREAMS = 256
"""Streams open at once; a further one is refused."""


class Stream:
    """One stream: the client's headers, bytes both ways."""

    def __init__(self, session: Session, number: int, headers: dict[str, str]) -> None:
        self.number = number
        self.headers = headers
        self._session = session
        self._inbox = Inbox()
        self.heard_all = False
        self.said_all = False

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        return await self._inbox.read()

    async def write(self, data: bytes) -> None:
        """Send; `ConnectionError` after the client has given the stream up."""
        for at in range(0, len(data), CHUNK):
            if self.said_all:
                raise ConnectionResetError("the client has closed this stream")
            await self._session.send(spdy.data(self.number, data[at : at + CHUNK]))

    def ignore(self) -> None:
        """Drop what the client says here, now and later."""
        self._inbox.drop()

    async def finish(self) -> None:
        """Say that nothing more comes. What the client still sends is dropped."""
        self.ignore()
        if not self.said_all:
            self.said_all = True
            await self._session.send(spdy.data(self.number, b"", fin=True))
            self._session.settle(self)

    async def heard(self, data: bytes, fin: bool) -> None:
        """Bytes from the client, and whether they were the last."""
        await self._inbox.put(data)
        if fin:
            self.end()

    def end(self, *, reset: bool = False) -> None:
        """The client is done with the stream, or (`reset`) it is no more."""
        self.heard_all = True
        self._inbox.end()
        if reset:
            self.said_all = True
            self.ignore()
        self._session.settle(self)


class Session:
    """Serves one connection until the carrier ends; `opened` is called with every stream of the client's."""

    def __init__(self, carrier: Carrier, opened: Callable[[Stream], None]) -> None:
        self._carrier = carrier
        self._opened = opened
        self._encoder = spdy.Encoder()
        self._decoder = spdy.Decoder()
        self._streams: dict[int, Stream] = {}
        self._last = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the connection; cancelled when that ends."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()

    async def settled(self, seconds: float) -> None:
        """Until what was spawned is done, at most so long."""
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=seconds)

    async def send(self, frame: bytes) -> None:
        """One whole frame."""
        await self._carrier.write(frame)

    def settle(self, stream: Stream) -> None:
        """Forget a stream that both sides have ended."""
        if stream.heard_all and stream.said_all:
            self._streams.pop(stream.number, None)

    async def serve(self) -> None:
        """Until the client is gone, or sends what is not SPDY."""
        try:
            while data := await self._carrier.read():
                for frame in self._decoder.feed(data):
                    await self._frame(frame)
        except spdy.SpdyError:
            await self._goodbye()
        except (ConnectionError, OSError):
            pass
        finally:
            await self._end()

    async def _goodbye(self) -> None:
        try:
            await self.send(spdy.goaway(self._last, spdy.PROTOCOL_ERROR))
        except (ConnectionError, OSError):
            return

    async def _end(self) -> None:
        for stream in list(self._streams.values()):
            stream.end(reset=True)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=5)
        await self._carrier.close()

    async def _frame(self, frame: spdy.Frame) -> None:
        if frame.kind == spdy.SYN_STREAM:
            await self._open(frame)
        elif frame.kind == spdy.PING:
            if frame.stream & 1:  # Even ones are answers to pings of ours, which there are none of.
                await self.send(spdy.ping(frame.stream))
        elif frame.kind in (0, spdy.HEADERS, spdy.RST_STREAM):
            stream = self._streams.get(frame.stream)
            if stream is None:
                return
            if frame.kind == spdy.RST_STREAM:
                stream.end(reset=True)
            else:
                await stream.heard(frame.body if frame.kind == 0 else b"", frame.fin)

    async def _open(self, frame: spdy.Frame) -> None:
        if not frame.stream & 1 or frame.stream <= self._last:
            await self.send(spdy.rst_stream(frame.stream, spdy.PROTOCOL_ERROR))
            return
        self._last = frame.stream
        if len(self._streams) >= MAX_STREAMS:
            await self.send(spdy.rst_stream(frame.stream, spdy.REFUSED_STREAM))
            return
        stream = Stream(self, frame.stream, frame.headers)
        self._streams[frame.stream] = stream
        # The reply's header block must go out in the order in which it was compressed: no await between.
        await self.send(self._encoder.syn_reply(frame.stream))
        self._opened(stream)
        if frame.fin:
            stream.end()
