"""Hostile requests and odd recordings: an answer or a 4xx, never a 500, and nothing from outside the bundle."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp.http_exceptions import BadHttpMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording import TABLE, Client, items, pod, recording

from bugbundle.bundle import Bundle
from bugbundle.replay import Address, running
from bugbundle.replay.ages import Clock
from bugbundle.replay.tables import columns, registry
from bugbundle.replay.tables.jsonpath import parse, results

FEW = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))

PIECES = st.sampled_from(
    [
        *("api", "apis", "v1", "apps", "namespaces", "shop", "pods", "a", "log", "status", "scale", "proxy", "exec"),
        *("openapi", "v3", "..", "%2e%2e", "%2f", "..%2f..%2fetc%2fpasswd", "%00", "%ff", "", ".", "a:b:c", "x:99999"),
        *("portforward", "attach", "customresourcedefinitions", "token", "serviceaccounts", "services", "é", "%25"),
        *("k8s", "manifest.json", "~root", "a" * 300, "http:a:80", "bundle.json", "watch", "ephemeralcontainers"),
    ]
)
KEYS = st.sampled_from(
    [
        *("labelSelector", "fieldSelector", "limit", "continue", "watch", "timeoutSeconds", "includeObject"),
        *("container", "tailLines", "sinceSeconds", "sinceTime", "previous", "resourceVersion", "limitBytes"),
        *("sendInitialEvents", "allowWatchBookmarks", "follow", "timestamps", "x"),
    ]
)
VALUES = st.one_of(
    st.text(max_size=30).map(lambda text: quote(text.encode("utf-8", "replace"))),
    st.sampled_from(["1", "0", "-1", "9" * 40, "true", "a=b", "a+in+(b", "%ff", "\xff", "%00", "app", "1e9", "٣"]),
)
METHODS = st.sampled_from(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
HEADERS = st.sampled_from(
    [
        "Accept: application/json;as=Table;v=v1;g=meta.k8s.io",
        "Accept: " + "," * 3000,
        "Accept: ;=;=;as=;g=;v=",
        "Accept: application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        "Upgrade: websocket",
        "Upgrade: SPDY/3.1",
        "Connection: Upgrade",
        "Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.%%%",
        "Content-Length: 3",
        "X: " + "y" * 9000,
        "Impersonate-User: root",
    ]
)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    entries = {
        "k8s/api/v1/pods.json": items("Pod", pod("a"), pod("b")),
        "k8s/api/v1/services.json": items("Service", {"metadata": {"name": "a", "namespace": "shop"}}),
        "logs/shop/a/app.log": "one\n2026-01-01T00:00:00Z two\n",
    }
    told = _Told()
    logging.getLogger("bugbundle.replay").addHandler(told)
    with running(recording(entries), Address(plain=True)) as replay:
        yield Client(replay)
    logging.getLogger("bugbundle.replay").removeHandler(told)
    assert told.tracebacks == []


class _Told(logging.Handler):
    """Collects what the server logs when a handler crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.tracebacks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not isinstance(record.exc_info[1], BadHttpMessage):
            self.tracebacks.append(logging.Formatter().format(record))


def send(client: Client, request: bytes) -> int:
    """The status of the answer to raw bytes; 0 where the connection was closed without one."""
    with closing(socket.create_connection((client.host, client.port), timeout=5)) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        head = b""
        while b"\r\n" not in head and (part := connection.recv(4096)):
            head += part
    return int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.") else 0


STARTS = st.sampled_from(
    [
        [],
        ["api", "v1"],
        ["api", "v1", "pods"],
        ["api", "v1", "namespaces", "shop", "pods", "a"],
        ["api", "v1", "namespaces", "shop", "services", "a:80", "proxy"],
        ["api", "v1", "namespaces", "shop", "pods", "a", "log"],
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"],
    ]
)


@FEW
@given(
    st.tuples(STARTS, st.lists(PIECES, max_size=4)).map(lambda both: both[0] + both[1]),
    st.lists(st.tuples(KEYS, VALUES), max_size=4),
    METHODS,
    st.lists(HEADERS, max_size=3),
)
def test_no_request_is_a_500(
    client: Client, path: list[str], query: list[tuple[str, str]], method: str, headers: list[str]
) -> None:
    target = "/" + "/".join(path) + "?" + "&".join(f"{key}={value}" for key, value in query)
    target += "&timeoutSeconds=1"
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{client.port}", "Connection: close"]
    lines += [f"Authorization: Bearer {client.replay.token}", *headers, "", ""]
    status = send(client, "\r\n".join(lines).encode("latin-1", "replace"))
    assert status in {0, 101} or 200 <= status < 500 or status == 503


@FEW
@given(st.binary(max_size=200))
def test_no_bytes_are_a_500(client: Client, data: bytes) -> None:
    assert send(client, data) in {0, 400, 401, 403, 404, 405, 421}


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces/..%2f..%2f..%2f/pods/a",
        "/api/v1/namespaces/%2e%2e/pods",
        "/api/v1/namespaces/shop/pods/..%2f..%2fbundle/log?container=app",
        "/api/v1/namespaces/shop/pods/a/log?container=../../../bundle",
        "/openapi/..%2f..%2fbundle",
        "/openapi/v3/../../../manifest",
        "/apis/..%2f../v1/pods",
    ],
)
def test_no_path_leaves_the_bundle(client: Client, path: str) -> None:
    connection = http.client.HTTPConnection(client.host, client.port, timeout=5)
    connection.request("GET", path, headers={"Authorization": f"Bearer {client.replay.token}"})
    answer = connection.getresponse()
    assert 400 <= answer.status < 500
    assert b"started" not in answer.read()
    connection.close()


def test_several_clients_at_once(client: Client) -> None:
    """A watch that stays open, and others that are answered meanwhile."""
    answers: list[int] = []

    def ask() -> None:
        for _ in range(20):
            answers.append(client.ask("/api/v1/pods", accept=TABLE).status)

    watcher = threading.Thread(target=lambda: client.ask("/api/v1/pods?watch=1&timeoutSeconds=2"))
    others = [threading.Thread(target=ask) for _ in range(8)]
    for thread in (watcher, *others):
        thread.start()
    for thread in others:
        thread.join(timeout=30)
    assert watcher.is_alive()
    assert answers == [200] * 160
    watcher.join(timeout=10)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    [
        *("metadata", "spec", "status", "name", "labels", "containers", "initContainers", "conditions", "type"),
        *("initContainerStatuses", "containerStatuses", "state", "lastState", "terminated", "waiting", "restartCount"),
        *("finishedAt", "creationTimestamp", "replicas", "ports", "subsets", "addresses", "endpoints", "selector"),
        *("matchLabels", "matchExpressions", "metrics", "data", "rules", "hard", "used", "accessModes", "subjects"),
    ]
)
OBJECT = st.recursive(
    JSON,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=25,
)


@FEW
@given(st.dictionaries(FIELDS, OBJECT, max_size=4))
def test_no_object_breaks_a_printer(obj: dict[str, Any]) -> None:
    assert registry.FAMILIES
    for printer in columns.PRINTERS.values():
        assert len(printer.cells(obj, Clock(None))) == len(printer.columns)


@FEW
@given(OBJECT, st.sampled_from([TABLE, ""]), st.sampled_from(["pods", "services", "events", "nodes"]))
def test_no_list_breaks_an_answer(body: Any, accept: str, plural: str) -> None:
    from bugbundle.replay.answers import Answers, Asked
    from bugbundle.replay.catalogue import Resource
    from bugbundle.replay.clean import Cleaner
    from bugbundle.replay.negotiate import LIST_FORMS, form
    from bugbundle.replay.status import Refusal

    listed = {"kind": "XList", "apiVersion": "v1", "items": body}
    bundle = Bundle.from_entries({"bundle.json": '{"format":1}', f"k8s/api/v1/{plural}.json": json.dumps(listed)})
    answers = Answers(bundle, Cleaner(bundle))
    resource = Resource("", "v1", plural, "X", True)
    for query in ({}, {"labelSelector": "a!=b"}, {"fieldSelector": "metadata.name!=x"}, {"limit": "1"}):
        try:
            shown, _ = answers.objects(Asked(resource, "", form(accept, LIST_FORMS), query))
        except Refusal as refusal:
            assert 400 <= refusal.code < 600
        else:
            json.loads(shown)


@FEW
@given(st.text(st.sampled_from(".[]()?@*='\"\\abc01-"), max_size=30), OBJECT)
def test_no_json_path_breaks(path: str, value: Any) -> None:
    steps = parse(path)
    assert steps is None or isinstance(results(steps, value), list)
