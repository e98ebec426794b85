"""exec and attach over websocket channels and SPDY."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import aiohttp
import pytest
from serving import server, upgrade, upgraded
from small_mesh import pages

OK = {"metadata": {}, "status": "Success"}
STREAMS = [("stdout", "true"), ("stderr", "true")]


def query(*argv: str, **flags: str) -> str:
    return urlencode([("command", word) for word in argv] + STREAMS + list(flags.items()))


@pytest.mark.parametrize("protocol", ["v5.channel.k8s.io", "v4.channel.k8s.io"])
def test_by_websocket(protocol: str) -> None:
    async def run(part: str) -> dict[int, bytes]:
        said: dict[int, bytes] = {}
        async with (
            server(pages()) as base,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{base}/shop/web/{part}", protocols=["v9.x", protocol]) as socket,
        ):
            assert socket.protocol == protocol
            await socket.send_bytes(b"\0typed ahead")
            async for message in socket:
                said[message.data[0]] = said.get(message.data[0], b"") + message.data[1:]
        return said

    said = asyncio.run(run("exec?" + query("pilot-agent", "request", "GET", "ready", stdin="true")))
    assert (said[1], json.loads(said[3]), 2 in said) == (b"LIVE\n\n", OK, False)
    said = asyncio.run(run("exec?" + query("ls", "/")))
    status = json.loads(said[3])
    assert (status["reason"], status["details"]) == (
        "NonZeroExitCode",
        {"causes": [{"reason": "ExitCode", "message": "127"}]},
    )
    assert b"web.shop is a recording" in said[2]
    said = asyncio.run(run("attach?" + query()))
    assert json.loads(said[3])["details"]["causes"][0]["message"] == "126"


def test_by_spdy() -> None:
    async def run(argv: tuple[str, ...], **flags: str) -> tuple[bytes, bytes, dict[str, object]]:
        async with (
            server(pages()) as base,
            upgraded(base, "shop/web/exec?" + query(*argv, **flags), "v4.channel.k8s.io") as client,
        ):
            names = [name for name in ("error", "stdin", "stdout", "stderr") if name in ("error", "stdout") or flags]
            numbers = {name: await client.open(streamType=name) for name in names}
            if "stderr" not in numbers:
                numbers["stderr"] = await client.open(streamType="stderr")
            await client.until(*numbers.values())
            said = client.said
            return said[numbers["stdout"]], said[numbers["stderr"]], json.loads(said[numbers["error"]])

    assert asyncio.run(run(("curl", "-s", "localhost:15000/ready"))) == (b"LIVE\n", b"", OK)
    assert asyncio.run(run(("curl", "-s", "localhost:15000/ready"), stdin="true"))[0] == b"LIVE\n"
    out, err, status = asyncio.run(run(("cat", "/etc/passwd")))
    assert (out, status["status"]) == (b"", "Failure") and b"recording" in err


def test_protocols_that_nobody_speaks_are_refused() -> None:
    async def check() -> None:
        async with server(pages()) as base, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(f"{base}/shop/web/exec?{query('ls')}", protocols=["v9.channel.k8s.io"])
            assert refused.value.status == 400
            head, client = await upgrade(base, f"shop/web/exec?{query('ls')}", "v1.channel.k8s.io")
            assert head.startswith(b"HTTP/1.1 403 ")
            client._writer.close()
            async with session.get(f"{base}/shop/web/exec?{query('ls')}") as answer:
                assert answer.status == 400

    asyncio.run(check())
