"""Port-forward in the three ways of its clients."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from serving import Client, server, tunnelled, upgrade, upgraded
from small_mesh import ENTRIES, pages

from bugbundle.bundle import Bundle
from bugbundle.replay.pages import Pages
from bugbundle.replay.stream import spdy

READY = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
LIVE = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: 5\r\n"


async def in_both_ways(check: Callable[[Client], Awaitable[None]]) -> None:
    async with server(pages()) as base:
        async with tunnelled(base) as client:
            await check(client)
        async with upgraded(base, "shop/web/portforward", "portforward.k8s.io") as client:
            await check(client)


async def ask(client: Client, data: bytes, port: int = 15000, request: str = "0") -> tuple[bytes, bytes]:
    """What came on the data and on the error stream, until the server ended both."""
    error, stream = await client.connect(port, request)
    if data:
        await client.send(spdy.data(stream, data))
    await client.until(error, stream)
    return client.said[stream], client.said[error]


def test_a_page() -> None:
    async def check(client: Client) -> None:
        assert await ask(client, LAST) == (LIVE + b"Connection: close\r\n\r\nLIVE\n", b"")

    asyncio.run(in_both_ways(check))


def test_keep_alive_head_chunks_and_pipelining() -> None:
    async def check(client: Client) -> None:
        head = READY.replace(b"GET", b"HEAD")
        chunked = b"POST /logging HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        data, error = await ask(client, READY + head + chunked + LAST)
        assert error == b""
        first, second, third, fourth = data.split(b"HTTP/1.1 ")[1:]
        assert first.endswith(b"\r\n\r\nLIVE\n") and fourth.endswith(b"\r\n\r\nLIVE\n")
        assert second.endswith(b"content-length: 5\r\n\r\n")
        assert third.startswith(b"405 ")

    asyncio.run(in_both_ways(check))


def test_a_request_that_is_sent_in_pieces_and_an_end_from_the_client() -> None:
    async def check(client: Client) -> None:
        error, stream = await client.connect(15000)
        for byte in READY:
            await client.send(spdy.data(stream, bytes([byte])))
        await client.send(spdy.data(stream, b"", fin=True))
        await client.until(error, stream)
        assert client.said[stream] == LIVE + b"\r\nLIVE\n"

    asyncio.run(in_both_ways(check))


def test_many_connections_side_by_side() -> None:
    async def check(client: Client) -> None:
        spots = [await client.connect(15000, str(number)) for number in range(20)]
        for _, stream in reversed(spots):
            await client.send(spdy.data(stream, LAST))
        await client.until(*(number for spot in spots for number in spot))
        assert all(client.said[stream].endswith(b"LIVE\n") for _, stream in spots)

    asyncio.run(in_both_ways(check))


def test_clients_without_a_request_id() -> None:
    async def check(client: Client) -> None:
        error = await client.open(streamType="error", port="15000")
        stream = await client.open(streamType="data", port="15000")
        await client.send(spdy.data(stream, LAST))
        await client.until(error, stream)
        assert client.said[stream].endswith(b"LIVE\n")

    asyncio.run(in_both_ways(check))


@pytest.mark.parametrize("port", [9, 8080, 0, 99999])
def test_a_port_that_is_not_there(port: int) -> None:
    async def check(client: Client) -> None:
        data, error = await ask(client, LAST, port)
        assert data == b""
        assert b"of web.shop" in error
        assert b"15000, 15020, 15021, 15090" in error

    asyncio.run(in_both_ways(check))


def test_a_request_that_got_no_answer_gets_none() -> None:
    async def check(client: Client) -> None:
        data, error = await ask(client, READY + LAST.replace(b"/ready", b"/certs"))
        assert data == LIVE + b"\r\nLIVE\n"
        assert error == b"GET /certs of web.shop:15000 is not in this recording: connection refused."

    asyncio.run(in_both_ways(check))


def test_what_is_not_http_gets_400_and_an_end() -> None:
    async def check(client: Client) -> None:
        data, error = await ask(client, b"\x16\x03\x01 hello\r\n\r\n")
        assert data.startswith(b"HTTP/1.1 400 ") and error == b""
        data, error = await ask(client, b"GET / HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 70000, request="1")
        assert data.startswith(b"HTTP/1.1 431 ") and error == b""
        big = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + b"y" * (1 << 20)
        error_stream, stream = await client.connect(15000, "2")
        for at in range(0, len(big), 32768):
            await client.send(spdy.data(stream, big[at : at + 32768]))
        await client.send(spdy.data(stream, b"y"))
        await client.until(error_stream, stream)
        assert client.said[stream].startswith(b"HTTP/1.1 413 ")

    asyncio.run(in_both_ways(check))


def test_pings_resets_and_refusals_of_streams() -> None:
    async def check(client: Client) -> None:
        await client.send(spdy.ping(5) + spdy.ping(6) + spdy.data(77, b"nobody's"))
        _, stream = await client.connect(15000)
        await client.send(spdy.rst_stream(stream, spdy.CANCEL))
        await client.send(client.encoder.syn_stream(2, {}) + client.encoder.syn_stream(1, {}))
        odd = await client.open(streamType="nosuch")
        await client.until(odd)
        kinds = [(frame.kind, frame.stream) for frame in client.frames]
        assert (spdy.PING, 5) in kinds and (spdy.PING, 6) not in kinds
        assert [number for kind, number in kinds if kind == spdy.RST_STREAM] == [2, 1]

    asyncio.run(in_both_ways(check))


def test_more_streams_than_allowed_are_refused() -> None:
    async def check(client: Client) -> None:
        for _ in range(257):
            last = await client.open(streamType="error", requestID=str(client._next))
        await client.send(spdy.ping(1))
        while not any(frame.kind == spdy.PING for frame in client.frames):
            client.take(await client.receive())
        assert [frame.stream for frame in client.frames if frame.kind == spdy.RST_STREAM] == [last]

    asyncio.run(in_both_ways(check))


def test_what_is_not_spdy_is_told_goodbye() -> None:
    async def check(client: Client) -> None:
        await client.send(b"\xff" * 100)
        await client.until(1)
        assert [frame.kind for frame in client.frames] == [spdy.GOAWAY]
        assert await client.receive() == b""

    asyncio.run(in_both_ways(check))


def test_a_large_page_reaches_a_slow_reader_whole() -> None:
    big = "x" * 3_000_000

    async def check() -> None:
        some = Pages(Bundle.from_entries({**ENTRIES, "proxies/shop/web/ready.txt": big}))
        async with server(some) as base, tunnelled(base) as client:
            error, stream = await client.connect(15000)
            await client.send(spdy.data(stream, LAST))
            await asyncio.sleep(0.2)
            await client.until(error, stream)
            assert client.said[stream].endswith(b"\r\n\r\n" + big.encode())

    asyncio.run(check())


def test_two_channels_for_each_port() -> None:
    async def check() -> None:
        async with (
            server(pages()) as base,
            aiohttp.ClientSession() as session,
            session.ws_connect(
                f"{base}/shop/web/portforward?ports=15000&ports=9", protocols=["v4.channel.k8s.io"]
            ) as socket,
        ):
            begun = [await socket.receive_bytes() for _ in range(4)]
            assert begun == [b"\0\x98\x3a", b"\1\x98\x3a", b"\2\x09\0", b"\3\x09\0"]
            await socket.send_bytes(b"\2hello")
            assert (await socket.receive_bytes()).startswith(b"\3Port 9 of web.shop")
            await socket.send_bytes(b"\0" + LAST)
            assert (await socket.receive_bytes()).endswith(b"LIVE\n")
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE

    asyncio.run(check())


def test_handshakes_that_make_no_sense_are_refused() -> None:
    async def check() -> None:
        async with server(pages()) as base, aiohttp.ClientSession() as session:
            url = f"{base}/shop/web/portforward"
            for path, protocols in (("", ["nosuch"]), ("?ports=0", ["v4.channel.k8s.io"]), ("", ["v4.channel.k8s.io"])):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await session.ws_connect(url + path, protocols=protocols)
                assert refused.value.status == 400
            async with session.get(url) as answer:
                assert (answer.status, (await answer.json())["message"]) == (400, "Upgrade request required")
            head, client = await upgrade(base, "shop/web/portforward", "nosuch.k8s.io")
            assert head.startswith(b"HTTP/1.1 403 ")
            client._writer.close()

    asyncio.run(check())
