"""Any bytes on any stream give a clean close, never a traceback, and the server goes on."""

from __future__ import annotations

import asyncio
import struct

import aiohttp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import Client, server, tunnelled, upgraded
from small_mesh import pages

from bugbundle.replay.stream import spdy

frames = st.one_of(
    st.binary(max_size=60),
    st.builds(spdy.data, st.integers(0, 9), st.binary(max_size=30), fin=st.booleans()),
    st.builds(spdy.rst_stream, st.integers(0, 9), st.integers(0, 12)),
    st.builds(spdy.ping, st.integers(0, 2**32 - 1)),
    st.builds(spdy.goaway, st.integers(0, 9)),
    st.builds(
        lambda kind, body: struct.pack(">II", 1 << 31 | 3 << 16 | kind, len(body)) + body,
        st.integers(0, 12),
        st.binary(max_size=40),
    ),
)
opened = st.tuples(
    st.integers(0, 12),
    st.dictionaries(
        st.sampled_from(["streamType", "port", "requestID", "x"]),
        st.sampled_from(["error", "data", "0", "15000", "-1", "9" * 30, "\xff"]),
    ),
)
quiet = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


async def shout(client: Client, parts: list[bytes | tuple[int, dict[str, str]]]) -> None:
    try:
        for part in parts:
            await client.send(client.encoder.syn_stream(*part) if isinstance(part, tuple) else part)
    except (ConnectionError, aiohttp.ClientConnectionError):
        return


@quiet
@given(batches=st.lists(st.lists(frames | opened, max_size=8), min_size=4, max_size=4))
def test_spdy(batches: list[list[bytes | tuple[int, dict[str, str]]]]) -> None:
    async def run() -> None:
        async with server(pages()) as base:
            for parts in batches[:2]:
                async with tunnelled(base) as client:
                    await shout(client, parts)
            for part in batches[2:]:
                async with upgraded(base, "shop/web/portforward", "portforward.k8s.io") as raw:
                    await shout(raw, part)
                async with upgraded(base, "shop/web/exec?command=ls&stdout=true", "v4.channel.k8s.io") as raw:
                    await shout(raw, part)
            async with tunnelled(base) as client:
                error, stream = await client.connect(15000)
                await client.send(spdy.data(stream, b"GET /ready HTTP/1.0\r\n\r\n"))
                await client.until(error, stream)
                assert client.said[stream].endswith(b"LIVE\n")

    asyncio.run(run())


@quiet
@given(
    messages=st.lists(st.binary(max_size=40) | st.text(max_size=20), max_size=6),
    path=st.sampled_from(["portforward?ports=15000,15020", "exec?command=ls&stderr=true", "attach"]),
)
def test_channels(messages: list[bytes | str], path: str) -> None:
    async def run() -> None:
        async with (
            server(pages()) as base,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{base}/shop/web/{path}", protocols=["v4.channel.k8s.io"]) as socket,
        ):
            for message in messages:
                try:
                    send = socket.send_str if isinstance(message, str) else socket.send_bytes
                    await send(message)  # type: ignore[arg-type]
                except (ConnectionError, aiohttp.ClientConnectionError):
                    break

    asyncio.run(run())


@quiet
@given(data=st.binary(max_size=200), http=st.booleans())
def test_what_is_said_to_a_port(data: bytes, http: bool) -> None:
    async def run() -> None:
        async with server(pages()) as base, tunnelled(base) as client:
            error, stream = await client.connect(15000)
            await client.send(spdy.data(stream, (b"GET /" if http else b"") + data))
            await client.send(spdy.data(stream, b"", fin=True))
            await client.until(error, stream)
            assert {error, stream} <= client.ended

    asyncio.run(run())
