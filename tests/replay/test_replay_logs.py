"""Logs are cut as of the time of the capture, and refused in the API server's words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from recording import Client, items, pod, recording

from bugbundle.bundle import Bundle

Serve = Callable[[Bundle], Client]
PATH = "logs/shop/web/app.log"
OWN_TIMES = (
    "listening\n"
    "2026-01-02T03:00:00.5Z\tinfo\tfirst\n"
    "\tat a place\n"
    "2026/01/02 03:03:00 GET /\n"
    '[2026-01-02T03:04:00.000Z] "GET / HTTP/1.1" 200\n'
)
STAMPED = "2026-01-02T03:00:00.000000001Z a\r\n2026-01-02T03:04:00.5Z b\n"


def logs(serve: Serve, body: str, query: str, request: str = "") -> str:
    two = pod("web", spec={"containers": [{"name": "app"}, {"name": "side"}], "initContainers": [{"name": "init"}]})
    entries = {"k8s/api/v1/pods.json": items("Pod", two, pod("one")), PATH: body}
    client = serve(recording(entries, requests={PATH: request}))
    answer = client.ask(f"/api/v1/namespaces/shop/pods/web/log?{query}")
    return answer.body.decode() if answer.status == 200 else f"{answer.status} {answer.message}"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", OWN_TIMES),
        ("follow=true", OWN_TIMES),
        ("tailLines=2", "".join(OWN_TIMES.splitlines(True)[-2:])),
        ("tailLines=0", ""),
        ("tailLines=99", OWN_TIMES),
        ("limitBytes=4", "list"),
        ("sinceSeconds=70", "".join(OWN_TIMES.splitlines(True)[i] for i in (0, 3, 4))),
        ("sinceTime=2026-01-02T03:03:30Z", "".join(OWN_TIMES.splitlines(True)[i] for i in (0, 4))),
        ("sinceSeconds=99999999999999", OWN_TIMES),
    ],
)
def test_lines_with_times_of_their_own(query: str, expected: str, serve: Serve) -> None:
    assert logs(serve, OWN_TIMES, f"container=app&{query}") == expected


def test_timestamps_are_the_lines_own_carried_on(serve: Serve) -> None:
    shown = logs(serve, OWN_TIMES, "container=app&timestamps=true").splitlines()
    assert shown[:3] == [
        "listening",
        "2026-01-02T03:00:00.500000Z 2026-01-02T03:00:00.5Z\tinfo\tfirst",
        "2026-01-02T03:00:00.500000Z \tat a place",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "a\r\nb\n"),
        ("timestamps=true", STAMPED),
        ("sinceSeconds=5", "b\n"),
        ("sinceSeconds=5&timestamps=true", "2026-01-02T03:04:00.5Z b\n"),
    ],
)
def test_recorded_timestamps(query: str, expected: str, serve: Serve) -> None:
    assert logs(serve, STAMPED, f"container=app&{query}", "GET /…/log?container=app&timestamps=true") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "",
            "400 a container name must be specified for pod web, choose one of: [app side]"
            " or one of the init containers: [init]",
        ),
        ("container=no", "400 container no is not valid for pod web"),
        ("container=app&previous=true", '400 previous terminated container "app" in pod "web" not found'),
        ("container=side", '404 the log of container "side" in pod "web": not recorded in this bundle'),
        (
            "container=app&tailLines=-1",
            "400 invalid value for tailLines: '-1' is not a number that is at least 0",
        ),
        ("container=app&limitBytes=0", "400 limitBytes: Invalid value: 0: must be greater than 0"),
        ("container=app&sinceTime=yesterday", "400 invalid value for sinceTime: it is not RFC 3339"),
        ("container=app&follow=maybe", OWN_TIMES),
        ("container=app&previous=maybe", '400 previous terminated container "app" in pod "web" not found'),
    ],
)
def test_refusals(query: str, expected: str, serve: Serve) -> None:
    assert logs(serve, OWN_TIMES, query) == expected


def test_the_only_container_and_a_recorded_refusal(serve: Serve) -> None:
    reason = '{"kind":"Status","message":"container \\"app\\" is waiting to start","code":400}'
    gaps = [{"path": "logs/shop/late/app.log", "status": 400, "reason": reason}]
    entries = {"k8s/api/v1/pods.json": items("Pod", pod("one"), pod("late")), "logs/shop/one/app.log": "x\n"}
    client = serve(recording(entries, gaps))
    assert client.ask("/api/v1/namespaces/shop/pods/one/log").body == b"x\n"
    refused = client.ask("/api/v1/namespaces/shop/pods/late/log")
    assert (refused.status, refused.body.decode()) == (400, reason)
    assert client.ask("/api/v1/namespaces/shop/pods/none/log").message == 'pods "none" not found'
