"""Clients that go away in the middle of an answer: nothing is said on the user's terminal, others are served."""

from __future__ import annotations

import base64
import logging
import os
import socket
import ssl
import struct
import time
from urllib.parse import urlsplit

import pytest
from recording import items, pod, recording

from bugbundle.replay.server import Address, Replay, running

PAGE = b'{"configs":[' + b"1," * 3_000_000 + b"1]}"


def upgraded(replay: Replay) -> ssl.SSLSocket:
    """A websocket on port 15000 of the pod, as the Python client opens it."""
    at = urlsplit(replay.url)
    context = ssl.create_default_context(cadata=replay.certificate.decode())
    client = context.wrap_socket(
        socket.create_connection((at.hostname, at.port), timeout=20), server_hostname=at.hostname
    )
    key = base64.b64encode(os.urandom(16)).decode()
    client.sendall(
        f"GET /api/v1/namespaces/shop/pods/one/portforward?ports=15000 HTTP/1.1\r\nHost: {at.netloc}\r\n"
        f"Authorization: Bearer {replay.token}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n".encode()
    )
    assert client.recv(4096).startswith(b"HTTP/1.1 101 ")
    return client


def ask(client: ssl.SSLSocket) -> None:
    """A request on the data channel, in a masked frame."""
    message = b"\0GET /config_dump?include_eds HTTP/1.1\r\nHost: localhost\r\n\r\n"
    client.sendall(bytes([0x82, 0x80 | len(message)]) + bytes(4) + message)


def test_a_client_that_resets_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    bundle = recording(
        {"k8s/api/v1/pods.json": items("Pod", pod("one")), "proxies/shop/one/config_dump.json": PAGE.decode()}
    )
    with caplog.at_level(logging.WARNING), running(bundle, Address()) as replay:
        for _ in range(2):
            client = upgraded(replay)
            ask(client)
            assert client.recv(100)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            time.sleep(0.2)
        with upgraded(replay) as client:
            ask(client)
            taken = 0
            while taken < len(PAGE) and (piece := client.recv(1 << 16)):
                taken += len(piece)
            assert taken >= len(PAGE)
    assert [record.getMessage() for record in caplog.records] == []
