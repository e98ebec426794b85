"""What a client has sent on one stream and its reader has not yet taken: a bounded buffer."""

from __future__ import annotations

import asyncio

MAX_WAITING = 1 << 18
"""Bytes that wait for the reader before the connection is held back."""


class Inbox:
    """`put` waits while there is too much; `read` gives what there is. One of each at a time."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    async def put(self, data: bytes) -> None:
        """Add bytes and wait for room; after `end` or `drop` they vanish."""
        if self._closed or not data:
            return
        self._waiting += data
        self._some.set()
        if len(self._waiting) > MAX_WAITING:
            self._room.clear()
            await self._room.wait()

    async def read(self) -> bytes:
        """All that is there, once there is some; empty after the end."""
        await self._some.wait()
        data = bytes(self._waiting)
        self._waiting.clear()
        self._room.set()
        if not self._closed:
            self._some.clear()
        return data

    def end(self) -> None:
        """No more is coming; what is there can still be read."""
        self._closed = True
        self._some.set()
        self._room.set()

    def drop(self) -> None:
        """Nobody reads any more."""
        self._waiting.clear()
        self.end()
