"""The listening server: one address, one token, one certificate, for as long as it is needed."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic

from aiohttp import web

from bugbundle.bundle import Bundle
from bugbundle.errors import BugbundleError
from bugbundle.replay.api import Api, status
from bugbundle.replay.gate import LOOPBACK, Gate
from bugbundle.replay.status import Refusal

MAX_BODY = 1 << 20
LOG = logging.getLogger("bugbundle.replay")
"""Where aiohttp tells of malformed requests; kept off the user's terminal."""
LOG.addHandler(logging.NullHandler())
LOG.propagate = False
HEADER_BYTES = 32_768


@dataclass(frozen=True, slots=True)
class Replay:
    """A server that listens: its URL, its token, its certificate (PEM; empty when it speaks plain HTTP)."""

    url: str
    token: str
    certificate: bytes = b""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 is any free one."""

    host: str = "127.0.0.1"
    port: int = 0
    plain: bool = False


def application(bundle: Bundle, gate: Gate) -> web.Application:
    """The API over a bundle behind its gate, as an aiohttp application.

    Its clock goes on from when the bundle was recorded, so that who records from it judges by that time.
    """
    api = Api(bundle)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            path = gate.path(request)
        except Refusal as refusal:
            return status(refusal)
        return await api.handle(request, path)

    async def close(_: web.Application) -> None:
        api.closing.set()

    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", handle)

    async def date(_: web.Request, response: web.StreamResponse) -> None:
        if clock is not None:
            response.headers["Date"] = format_datetime(clock + timedelta(seconds=monotonic() - begun), usegmt=True)

    clock, begun = bundle.started, monotonic()
    clock = clock.astimezone(UTC) if clock else None
    app.on_response_prepare.append(date)
    app.on_shutdown.append(close)
    return app


@asynccontextmanager
async def listening(bundle: Bundle, address: Address) -> AsyncIterator[Replay]:
    """Listen until the context ends. `BugbundleError` where the address cannot be bound."""
    token = secrets.token_urlsafe(32)
    app = application(bundle, Gate(token, address.host))
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=LOG,
        handler_cancellation=True,
        max_field_size=HEADER_BYTES,
        shutdown_timeout=0.5,
    )
    await runner.setup()
    context, certificate = (None, b"") if address.plain else _tls(address.host)
    try:
        site = web.TCPSite(runner, address.host, address.port, ssl_context=context)
        await _start(site, address)
        port = runner.addresses[0][1]
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
        shown = f"[{name}]" if ":" in name else name
        yield Replay(f"{'http' if address.plain else 'https'}://{shown}:{port}", token, certificate)
    finally:
        await runner.cleanup()


async def _start(site: web.TCPSite, address: Address) -> None:
    try:
        await site.start()
    except OSError as error:
        where = f"{address.host}:{address.port}"
        raise BugbundleError(f"cannot listen ({error.strerror or error})", where=where) from None


@contextmanager
def running(bundle: Bundle, address: Address) -> Iterator[Replay]:
    """Listen in a thread of its own until the context ends."""
    ready: list[Replay | BaseException] = []
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with listening(bundle, address) as replay:
            gc.freeze()
            ready.append(replay)
            started.set()
            await stop.wait()

    def work() -> None:
        try:
            # The runner also ends what clients left open: port-forwards, watches.
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                runner.run(serve())
        except BaseException as error:
            ready.append(error)
            started.set()

    thread = threading.Thread(target=work, name="replay", daemon=True)
    thread.start()
    started.wait()
    if not isinstance(ready[0], Replay):
        raise ready[0]
    try:
        yield ready[0]
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=5)


def _tls(host: str) -> tuple[ssl.SSLContext, bytes]:
    """A server context with a certificate made for this run; its key is on disk only while it is loaded."""
    from bugbundle.certificates import self_signed

    certificate, key = self_signed(sorted({*LOOPBACK, host}))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="bugbundle-") as folder:
        place = Path(folder) / "server.pem"
        place.touch(mode=0o600)
        place.write_bytes(certificate + key)
        context.load_cert_chain(place)
    return context, certificate
