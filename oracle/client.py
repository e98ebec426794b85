"""Requests as bytes: the PROXY protocol, TLS where wanted, one request; what counts is the log."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from dataclasses import dataclass

from oracle.adapt import TLV
from oracle.servers import Authority


@dataclass(frozen=True, slots=True)
class Question:
    """One request to one listener: what `bugbundle.trace` is asked, and Envoy."""

    number: int
    listener: str
    source: tuple[str, int]
    destination: tuple[str, int]
    tls: bool = False
    sni: str = ""
    alpn: tuple[str, ...] = ()
    principal: str = ""
    peer: str = ""
    protocol: str = "http/1.1"
    method: str = "GET"
    authority: str = ""
    path: str = "/"
    headers: tuple[tuple[str, str], ...] = ()

    def data(self) -> bytes:
        """What is sent behind TLS."""
        if self.protocol == "tcp":
            return b"\x00\x01oracle\r\n\r\n"
        lines = [
            f"{self.method} {self.path} {self.protocol.upper()}",
            f"host: {self.authority}",
            f"x-oracle-id: {self.number}",
        ]
        lines += [f"{name}: {value}" for name, value in self.headers]
        return "\r\n".join([*lines, "", ""]).encode()


def proxy_header(question: Question) -> bytes:
    """Version 2, with the principal as a TLV where there is one."""
    source, goal = ipaddress.ip_address(question.source[0]), ipaddress.ip_address(question.destination[0])
    body = source.packed + goal.packed + struct.pack("!HH", question.source[1], question.destination[1])
    if question.peer:
        value = question.peer.encode()
        body += struct.pack("!BH", TLV, len(value)) + value
    family = 0x11 if source.version == 4 else 0x21
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", 0x21, family, len(body)) + body


async def ask(question: Question, port: int, authority: Authority, gate: asyncio.Semaphore) -> None:
    """Send one; wait until the other side is done with it."""
    async with gate:
        try:
            async with asyncio.timeout(6):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(proxy_header(question))
                if question.tls:
                    await writer.start_tls(authority.context(question.principal, question.alpn),
                                           server_hostname=question.sni or None)  # fmt: skip
                writer.write(question.data())
                await writer.drain()
                while not await _done(reader, question):
                    pass
                writer.close()
        except (OSError, TimeoutError, EOFError):
            pass


async def _done(reader: asyncio.StreamReader, question: Question) -> bool:
    """Whether an answer's head, or the end, is there."""
    return bool(await reader.read(4096)) or reader.at_eof()
