"""HTTP/1.1 inside a forwarded connection. The door to h11."""

from __future__ import annotations

from collections.abc import Callable
from http.client import responses
from urllib.parse import urlsplit

import h11

from bugbundle.replay.pages.page import Page, sentence
from bugbundle.replay.stream.carrier import Duplex

MAX_BODY = 1 << 20
"""Bytes of a request's body; no page takes one."""
MAX_HEAD = 65536

Answer = Callable[[str, str, bytes], Page]
"""Method, target and body → page."""


class NoAnswer(Exception):
    """The recorded server did not answer this request."""


async def serve(duplex: Duplex, answer: Answer) -> str:
    """Answer requests until the client or a mistake ends the connection.

    Gives why a request got no answer, where the recording has it so: that ends the connection as well.
    """
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    try:
        while await _one(connection, duplex, answer):
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            status = error.error_status_hint
            await _send(connection, duplex, sentence(status, "This is not a request of HTTP/1.1."), close=True)
    except NoAnswer as silence:
        return str(silence)
    except ConnectionError:
        pass
    return ""


async def _one(connection: h11.Connection, duplex: Duplex, answer: Answer) -> bool:
    """One request and its answer; whether another may follow."""
    request, body = None, bytearray()
    while True:
        event = await _event(connection, duplex)
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MAX_BODY:
                await _send(connection, duplex, sentence(413, "This request's body is too long."), close=True)
                return False
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            page = answer(request.method.decode("ascii"), _target(request), bytes(body))
            if not page.answered:
                raise NoAnswer(page.body.decode("utf-8", "replace").strip())
            await _send(connection, duplex, page, head=request.method == b"HEAD")
            return bool(connection.our_state is h11.DONE and connection.their_state is h11.DONE)
        else:
            return False


async def _event(connection: h11.Connection, duplex: Duplex) -> h11.Event | None:
    """What the client said next; None where h11 says nothing until the answer is sent."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Event):
            return event
        if event is h11.PAUSED:
            return None
        if connection.they_are_waiting_for_100_continue:
            go_on = h11.InformationalResponse(status_code=100, headers=[])
            await duplex.write(connection.send(go_on) or b"")
        connection.receive_data(await duplex.read())


async def _send(
    connection: h11.Connection, duplex: Duplex, page: Page, *, head: bool = False, close: bool = False
) -> None:
    headers = [*page.headers.items(), ("content-length", str(len(page.body)))]
    if close:
        headers.append(("connection", "close"))
    out = [connection.send(h11.Response(status_code=page.status, headers=headers, reason=_reason(page.status)))]
    if not head:
        out.append(connection.send(h11.Data(data=page.body)))
    out.append(connection.send(h11.EndOfMessage()))
    await duplex.write(b"".join(part for part in out if part))


def _reason(status: int) -> str:
    return responses.get(status, "")


def _target(request: h11.Request) -> str:
    """The request's path and parameters, also where it names the host."""
    target = request.target.decode("latin-1")
    if target.startswith("/"):
        return target
    try:
        parts = urlsplit(target)
    except ValueError:
        return "/"
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
