"""A relay in front of a server that loses, cuts and slows what passes it."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

PIECE = 1 << 14


@dataclass
class Faults:
    """`away`: (seconds after the first connection, how long): what is open breaks. `cut`: which share of
    connections breaks. `rate`: bytes per second to the client in all. `latency`: seconds for each piece."""

    away: tuple[float, float] | None = None
    cut: float = 0.0
    rate: float = 0.0
    latency: float = 0.0
    seed: int = 1
    passed: int = 0
    first: float = 0.0
    random: random.Random = field(init=False)
    ready: float = 0.0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    @property
    def gone(self) -> bool:
        """Whether the server is away now."""
        if self.away is None or not self.first:
            return False
        begin, length = self.away
        return begin <= time.monotonic() - self.first < begin + length


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, faults: Faults, limit: int, back: bool
) -> None:
    passed = 0
    while piece := await _read(reader):
        passed += len(piece)
        if passed > limit or faults.gone:
            break
        if back and faults.latency:
            await asyncio.sleep(faults.latency)
        if back and faults.rate:
            faults.ready = max(faults.ready, time.monotonic()) + len(piece) / faults.rate
            await asyncio.sleep(max(0.0, faults.ready - time.monotonic()))
        if back:
            faults.passed += len(piece)
        writer.write(piece)
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(PIECE)
    except OSError:
        return b""


@contextmanager
def relay(port: int, faults: Faults) -> Iterator[str]:
    """The URL of a relay to a port of this machine."""
    loop, ready, stop, urls = asyncio.new_event_loop(), threading.Event(), asyncio.Event(), list[str]()
    opened: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        faults.first = faults.first or time.monotonic()
        limit = faults.random.randrange(1, 20_000) if faults.random.random() < faults.cut else 1 << 62
        opened.add(writer)
        there = None
        try:
            if not faults.gone:
                source, there = await asyncio.open_connection("127.0.0.1", port)
                ways = [_copy(reader, there, faults, 1 << 62, False), _copy(source, writer, faults, limit, True)]
                tasks = [asyncio.ensure_future(way) for way in ways]
                _, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in waiting:
                    task.cancel()
        except OSError:
            pass
        finally:
            opened.discard(writer)
            for one in (writer, there):
                if one is not None:
                    with suppress(OSError, RuntimeError):
                        one.transport.abort()

    async def watch() -> None:
        while True:
            if faults.gone:
                for writer in list(opened):
                    writer.transport.abort()
            await asyncio.sleep(0.05)

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        ready.set()
        watching = asyncio.ensure_future(watch())
        await stop.wait()
        watching.cancel()
        server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)
