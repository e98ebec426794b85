"""Port-forward: HTTP/1.1 with one port of one pod, over the two channels of a websocket.

As the kubelet speaks `v4.channel.k8s.io` (pkg/kubelet/cri-streaming/portforward/websocket.go): channel 0 is the
port's data, channel 1 what went wrong; the first message of each is the port, two bytes little endian.
"""

from __future__ import annotations

import io
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any

from bugbundle.collect.api import Api
from bugbundle.collect.pace import Deadline
from bugbundle.collect.reply import MAX_BODY, Failed, Messages, Reply, one_line

DATA, ERROR = 0, 1


class Forward:
    """One connection to a port of a pod; requests one after the other. Not thread-safe."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._begun: set[int] = set()
        self.usable = True
        """Whether another request may follow on it."""

    @classmethod
    def open(cls, api: Api, namespace: str, pod: str, port: int, deadline: Deadline) -> Forward:
        """Connect. Raises `Failed`; with a status where the API server refused."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
        return cls(api.channels(path, [("ports", str(port))], deadline))

    def ask(self, method: str, target: str, deadline: Deadline) -> Reply:
        """One request and its answer. Raises `Failed`."""
        length = "Content-Length: 0\r\n" if method == "POST" else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n{length}\r\n"
        self.usable = False
        self._messages.send(bytes([DATA]) + head.encode("ascii"), deadline)
        response = HTTPResponse(_Plug(_Stream(self, deadline)), method=method)  # type: ignore[arg-type]
        try:
            response.begin()
            body = response.read()
        except IncompleteRead:
            raise Failed("the answer was cut off", again=True, lost=True) from None
        except (HTTPException, ValueError, OSError) as error:
            words = {"RemoteDisconnected": "the connection was closed without an answer"}
            kind = type(error).__name__
            lost = kind in words
            raise Failed(words.get(kind, f"the answer is not HTTP ({kind})"), again=True, lost=lost) from None
        self.usable = not response.will_close
        return Reply(response.status, body, {name.lower(): value for name, value in response.headers.items()})

    def data(self, deadline: Deadline) -> bytes:
        """The next bytes from the port; empty at the end. Raises `Failed` with what the pod's side says."""
        while True:
            message = self._messages.receive(deadline)
            if message is None:
                return b""
            channel, rest = message[0], message[1:]
            if channel not in self._begun and len(rest) == 2:
                self._begun.add(channel)
            elif channel == ERROR and rest:
                refused = "refused" in one_line(rest)
                raise Failed(one_line(rest), again=refused, refused=refused)
            elif channel == DATA and rest:
                deadline.heard()
                return rest

    def close(self) -> None:
        """Hang up."""
        self.usable = False
        self._messages.close()


class _Stream(io.RawIOBase):
    """The port's data as a file to read one answer from."""

    def __init__(self, forward: Forward, deadline: Deadline) -> None:
        super().__init__()
        self._forward, self._deadline = forward, deadline
        self._held = b""
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._held:
            self._held = self._forward.data(self._deadline)
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        self._total += size
        if self._total > MAX_BODY:
            raise Failed("the answer is larger than it may be")
        return size


class _Plug:
    """What `HTTPResponse` wants of a socket."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self._stream, 1 << 16)
