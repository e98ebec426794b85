"""What comes back: a reply, or a failure that says why and whether to try again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

from bugbundle.bundle.layout import GAP
from bugbundle.codec import JSONError, decode
from bugbundle.collect.pace import Deadline

MAX_BODY = 256 << 20
"""Bytes of one answer; more is a failure, as it is held in memory until it is clean."""
LONGEST_REASON = 900
_OF_RECORDING = re.compile(r"[A-Z]+ \S+ of \S+ is not in this recording: (.*)\.", re.DOTALL)
"""How a served recording (`bugbundle replay`) tells of a gap; the gap's own reason is in it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer; names of headers in lower case. `gap`: a recording says that it is none."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    gap: bool = False

    @property
    def good(self) -> bool:
        """Whether the answer is what was asked for."""
        return 200 <= self.status < 300

    @property
    def reason(self) -> str:
        """Why not: the message of a `Status`, else the beginning of the body."""
        return status_message(self.body) or one_line(self.body) or f"HTTP {self.status}"


class Failed(Exception):
    """No answer. `status` 0 where not even a refusal came; `again` where another attempt may help.

    `lost`: the connection failed, so that it may be the API server that is away. `late`: it was a time-out, `refused`:
    nobody listens; then another attempt at once is of no use. `beyond`: a node does not answer the API server.
    """

    def __init__(
        self, reason: str, *, status: int = 0, again: bool = False, lost: bool = False, late: bool = False,
        refused: bool = False, beyond: bool = False,
    ) -> None:  # fmt: skip
        self.reason = reason
        self.status = status
        self.again = again
        self.lost = lost
        self.late = late
        self.refused = refused
        self.beyond = beyond
        self.attempts = 1
        """Made in vain."""
        super().__init__(reason)


class Messages(Protocol):
    """A websocket's binary messages."""

    def send(self, data: bytes, deadline: Deadline) -> None:
        """One message. Raises `Failed`."""

    def receive(self, deadline: Deadline) -> bytes | None:
        """The next message; None at the end. Raises `Failed`, also when the deadline has passed."""

    def close(self) -> None:
        """No more."""


def as_recorded(reply: Reply) -> Reply:
    """What a served recording (`bugbundle replay`) says in place of an answer that it did not get either.

    Raises `Failed` where there was none at all; a reply whose header names no gap is given back as it is.
    """
    if GAP not in reply.headers:
        return reply
    status, _, text = reply.headers[GAP].partition(" ")
    number = int(status) if status.isascii() and status.isdecimal() and len(status) < 4 else 0
    if number == 0:
        raise Failed(unquote(text))
    return Reply(number, unquote(text).encode(), gap=True)


def status_message(body: bytes) -> str:
    """The message of a Kubernetes `Status`; "" where the body is none."""
    if body.lstrip()[:1] != b"{":
        return ""
    try:
        found = decode(body)
    except JSONError:
        return ""
    message = found.get("message") if isinstance(found, dict) and found.get("kind") == "Status" else None
    return message if isinstance(message, str) else ""


def one_line(body: bytes) -> str:
    """The beginning of a text, on one line."""
    text = body[: 8 * LONGEST_REASON].decode("utf-8", "replace")
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    recorded = _OF_RECORDING.fullmatch(line)
    return (recorded[1] if recorded else line)[:LONGEST_REASON]
