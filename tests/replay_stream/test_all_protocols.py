"""Flags and subprotocols as the API server and the kubelet take them: none, base64, `True`."""

from __future__ import annotations

import asyncio
import base64

import aiohttp
import pytest
from serving import server
from small_mesh import pages

from bugbundle.replay.pages import Pages
from bugbundle.replay.query import flag

EXEC = "shop/web/exec?command=curl&command=-s&command=localhost:15000/ready&stdout=True&stderr=1"


@pytest.mark.parametrize(
    ("value", "read"),
    [("true", True), ("True", True), ("1", True), ("", True), ("0", False), ("FALSE", False), ("yes", True)],
)
def test_flags_as_the_api_server_reads_them(value: str, read: bool) -> None:
    assert (flag({"stdout": value}, "stdout"), flag({}, "stdout")) == (read, False)


@pytest.mark.parametrize(
    "protocols", [(), ("v4.base64.channel.k8s.io",), ("base64.channel.k8s.io",), ("channel.k8s.io",)]
)
def test_exec(protocols: tuple[str, ...]) -> None:
    async def run() -> dict[int, bytes]:
        said: dict[int, bytes] = {}
        async with (
            server(pages()) as base,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{base}/{EXEC}", protocols=protocols) as socket,
        ):
            async for message in socket:
                text = isinstance(message.data, str)
                channel = int(message.data[0]) if text else message.data[0]
                body = base64.b64decode(message.data[1:]) if text else message.data[1:]
                said[channel] = said.get(channel, b"") + body
                assert text is ("base64" in "".join(protocols))
        return said

    said = asyncio.run(run())
    assert said[1] == b"LIVE\n"
    assert (3 in said) is (protocols == ("v4.base64.channel.k8s.io",))


def test_port_forward_without_a_protocol() -> None:
    async def run() -> bytes:
        said = b""
        async with (
            server(pages()) as base,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{base}/shop/web/portforward?ports=15000") as socket,
        ):
            await socket.send_bytes(b"\0GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            async for message in socket:
                if message.data[0] == 0 and len(message.data) > 3:
                    said += message.data[1:]
        return said

    assert asyncio.run(run()).endswith(b"LIVE\n")


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503), (None, 404)])
def test_readiness_of_istiod_is_its_pods_where_nobody_asked(ready: bool | None, status: int) -> None:
    from bugbundle.bundle import Bundle

    bundle = Bundle.from_entries({"istiod/istio-system/istiod-1/version.txt": "1.30.3\n"})
    found = Pages(bundle, lambda _space, _pod: ready)
    assert found.answer("istio-system", "istiod-1", 8080, "GET", "/ready").status == status
    assert found.answer("istio-system", "istiod-1", 15014, "GET", "/ready").status == 404
