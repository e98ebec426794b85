"""exec and attach: a command's streams over websocket channels or SPDY.

After k8s.io/client-go `tools/remotecommand` and the kubelet's `cri-streaming/remotecommand`: channel or
stream `error` carries a Status with the exit code.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from bugbundle.codec import encode
from bugbundle.replay.pages import Pages
from bugbundle.replay.query import flag
from bugbundle.replay.status import Refusal
from bugbundle.replay.stream.carrier import MAX_MESSAGE, SECONDS_TO_CLOSE, switch
from bugbundle.replay.stream.channels import Channels, choose, is_spdy, is_websocket, versions
from bugbundle.replay.stream.commands import Outcome, run
from bugbundle.replay.stream.session import Session, Stream

WITH_STATUS = ("v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io")
"""Protocols that end with a Status on the error channel; those before say nothing of success, and an error in words."""

WEBSOCKET_PROTOCOLS = (*WITH_STATUS, "channel.k8s.io", "base64.channel.k8s.io")
SPDY_PROTOCOL = "v4.channel.k8s.io"
STDOUT, STDERR, ERROR = 1, 2, 3
MAX_WORDS = 1000
SECONDS_FOR_STREAMS = 30.0
"""How long a SPDY client may take to open its streams (the kubelet's own limit)."""


async def exec_(request: web.Request, pages: Pages, namespace: str, pod: str) -> web.StreamResponse:
    """Serve `…/pods/POD/exec` and `/attach`. Raises `Refusal`.

    The answer comes from the recording (`commands.run`); attach has nothing to attach to, and says so.
    """
    argv = [] if request.path.endswith("/attach") else request.query.getall("command", [])[:MAX_WORDS]
    if is_websocket(request):
        chosen = choose(request, WEBSOCKET_PROTOCOLS)
        socket = web.WebSocketResponse(
            protocols=[chosen] if chosen else [], max_msg_size=MAX_MESSAGE, compress=False, timeout=SECONDS_TO_CLOSE
        )
        await socket.prepare(request)
        channels = Channels(socket, coded="base64" in chosen)
        await _by_channels(channels, run(pages, namespace, pod, argv), _wanted(request), told=chosen in WITH_STATUS)
        return socket
    if not is_spdy(request):
        raise Refusal(400, "Upgrade request required")
    if SPDY_PROTOCOL not in versions(request):
        raise Refusal(403, f"unable to negotiate a protocol: server accepts {SPDY_PROTOCOL}")
    response, carrier = await switch(request, {"upgrade": "SPDY/3.1", "x-stream-protocol-version": SPDY_PROTOCOL})
    collected = _Collected(_wanted(request))
    session = Session(carrier, collected.opened)
    session.spawn(_by_streams(collected, run(pages, namespace, pod, argv)))
    await session.serve()
    return response


def _wanted(request: web.Request) -> frozenset[str]:
    """Which streams the client opens, as its query says; a terminal has no stderr of its own."""
    asked = {name for name in ("stdin", "stdout", "stderr", "tty") if flag(request.query, name)}
    return frozenset({"error"} | asked - {"tty"} - ({"stderr"} if "tty" in asked else set()))


def status_of(outcome: Outcome) -> bytes:
    """The Status that ends a command (remotecommand, protocol v4)."""
    if outcome.code == 0:
        return encode({"metadata": {}, "status": "Success"})
    cause = {"reason": "ExitCode", "message": str(outcome.code)}
    message = f"command terminated with non-zero exit code: exit status {outcome.code}"
    details = {"causes": [cause]}
    return encode({"metadata": {}, "status": "Failure", "message": message,
                   "reason": "NonZeroExitCode", "details": details})  # fmt: skip


async def _by_channels(channels: Channels, outcome: Outcome, wanted: frozenset[str], *, told: bool) -> None:
    listening = asyncio.ensure_future(_drain(channels))  # Answers pings meanwhile; stdin is not read.
    try:
        if "stdout" in wanted:
            await channels.send(STDOUT, outcome.stdout)
        await channels.send(STDERR if "stderr" in wanted else STDOUT, outcome.stderr)
        if told:
            await channels.send(ERROR, status_of(outcome))
        elif outcome.code:
            await channels.send(ERROR, f"command terminated with exit code {outcome.code}".encode())
    except ConnectionError:
        pass
    finally:
        await channels.close()
        listening.cancel()
        await asyncio.wait([listening], timeout=5)


async def _drain(channels: Channels) -> None:
    while await channels.receive() is not None:
        pass


class _Collected:
    """The streams that a SPDY client has opened, until all are there."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self.streams: dict[str, Stream] = {}
        self.complete = asyncio.Event()

    def opened(self, stream: Stream) -> None:
        """One more."""
        stream.ignore()
        self.streams.setdefault(stream.headers.get("streamtype", ""), stream)
        if self._wanted <= set(self.streams):
            self.complete.set()


async def _by_streams(collected: _Collected, outcome: Outcome) -> None:
    try:
        await asyncio.wait_for(collected.complete.wait(), SECONDS_FOR_STREAMS)
    except TimeoutError:
        return
    streams = collected.streams
    try:
        if "stdout" in streams:
            await streams["stdout"].write(outcome.stdout)
        errors = streams.get("stderr") or streams.get("stdout")
        if errors:
            await errors.write(outcome.stderr)
        await streams["error"].write(status_of(outcome))
        for stream in streams.values():
            await stream.finish()
    except (ConnectionError, OSError):
        return
