"""The way in where port-forward is refused: the agent in the pod is asked to ask.

`pilot-agent request GET PATH` asks Envoy's port 15000, `pilot-discovery request GET PATH` istiod's 15014
(istio/istio pilot/cmd/*/app/request.go); both print the body alone. Channels as in `v4.channel.k8s.io`: 1 is
stdout, 2 stderr, 3 the Status that ends it.
"""

from __future__ import annotations

from bugbundle.codec import JSONError, decode
from bugbundle.collect.api import Api
from bugbundle.collect.pace import Deadline
from bugbundle.collect.reply import MAX_BODY, Failed, one_line, status_message

PROGRAMS = {15000: "pilot-agent", 15014: "pilot-discovery"}
"""Port → the program that asks it."""
STDOUT, STDERR, ERROR = 1, 2, 3


def command(port: int, method: str, target: str) -> list[str]:
    """What asks this; empty where nothing in the pod can."""
    return [PROGRAMS[port], "request", method, target.removeprefix("/")] if port in PROGRAMS else []


def run(api: Api, pod: tuple[str, str], container: str, argv: list[str], deadline: Deadline) -> bytes:
    """The output of a command in a container of `pod` (namespace, name). Raises `Failed`."""
    path = f"/api/v1/namespaces/{pod[0]}/pods/{pod[1]}/exec"
    query = [("container", container), ("stdout", "true"), ("stderr", "true"), *(("command", word) for word in argv)]
    messages = api.channels(path, query, deadline)
    found: dict[int, bytearray] = {}
    try:
        while (message := messages.receive(deadline)) is not None:
            part = found.setdefault(message[0], bytearray())
            part += message[1:]
            if len(part) > MAX_BODY:
                raise Failed("the answer is larger than it may be")
            if message[0] == ERROR:
                break
    finally:
        messages.close()
    status = bytes(found.get(ERROR, b""))
    if not _succeeded(status):
        raise Failed(one_line(bytes(found.get(STDERR, b""))) or status_message(status) or "the command was cut off")
    return bytes(found.get(STDOUT, b""))


def _succeeded(status: bytes) -> bool:
    try:
        found = decode(status)
    except JSONError:
        return False
    return isinstance(found, dict) and found.get("status") == "Success"
