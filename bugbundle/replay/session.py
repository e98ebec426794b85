"""One session: a private kubeconfig, a command that runs against it, and nothing left behind."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from bugbundle.bundle import Bundle
from bugbundle.codec import encode
from bugbundle.replay.server import Address, Replay, running

NOT_FOUND, NOT_EXECUTABLE = 127, 126
CONTEXT = "bugbundle"


def kubeconfig(replay: Replay, name: str = CONTEXT) -> bytes:
    """A kubeconfig (JSON, which is YAML) whose only context is the recording; `name` is the cluster's."""
    cluster = {"server": replay.url if replay.certificate else f"{replay.url}/{replay.token}"}
    if replay.certificate:
        cluster["certificate-authority-data"] = base64.b64encode(replay.certificate).decode()
    return encode(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": cluster}],
            "users": [{"name": CONTEXT, "user": {"token": replay.token}}],
            "contexts": [{"name": CONTEXT, "context": {"cluster": name, "user": CONTEXT}}],
            "current-context": CONTEXT,
        }
    )


@contextmanager
def session(bundle: Bundle, address: Address) -> Iterator[dict[str, str]]:
    """A running server; gives the environment that points clients at it. Its folder is deleted at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="bugbundle-replay-") as folder,
        running(bundle, address) as replay,
    ):
        place = Path(folder) / "kubeconfig"
        place.touch(mode=0o600)
        place.write_bytes(kubeconfig(replay, (*bundle.header.clusters, CONTEXT)[0]))
        yield {"KUBECONFIG": str(place), "KUBECACHEDIR": str(Path(folder) / "cache")}


def serve(bundle: Bundle, address: Address, announce: Callable[[dict[str, str]], None]) -> int:
    """Listen until Ctrl-C, SIGTERM or SIGHUP; `announce` gets the environment once it listens."""
    ended = threading.Event()
    with _signals(lambda number: ended.set()), session(bundle, address) as environment:
        announce(environment)
        while not ended.wait(timeout=3600):
            pass
    return 0


def run_command(bundle: Bundle, address: Address, argv: Sequence[str]) -> int:
    """Run a command against the recording: its exit code, 128 + n after signal n, 127 where not found."""
    children: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int) -> None:
        if not children:
            early.append(number)
        elif number != signal.SIGINT or not sys.stdin.isatty():
            children[0].send_signal(number)

    with _signals(forward), session(bundle, address) as environment:
        if early:
            return 128 + early[0]
        try:
            children.append(subprocess.Popen(list(argv), env={**os.environ, **environment}))
        except FileNotFoundError:
            print(f"bugbundle replay: {argv[0]}: command not found", file=sys.stderr)
            return NOT_FOUND
        except OSError as error:
            print(f"bugbundle replay: {argv[0]}: {error.strerror}", file=sys.stderr)
            return NOT_EXECUTABLE
        code = children[0].wait()
    return 128 - code if code < 0 else code


@contextmanager
def _signals(act: Callable[[int], None]) -> Iterator[None]:
    """`act` on the signals that end programs, so that what was written is deleted; main thread only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, _: FrameType | None) -> None:
        act(number)

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
