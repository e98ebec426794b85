"""Commands that only ask a recorded server, and all the others."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_mesh import ENTRIES, ISTIOD, pages

from bugbundle.replay.stream.commands import Outcome, run

MEMORY = ENTRIES["proxies/shop/web/memory.json"].encode()


def in_web(*argv: str) -> Outcome:
    return run(pages(), "shop", "web", list(argv))


@pytest.mark.parametrize(
    "argv",
    [
        ("curl", "localhost:15000/memory"),
        ("/usr/bin/curl", "-sS", "-m", "5", "http://127.0.0.1:15000/memory"),
        ("curl", "-s", "-X", "GET", "-H", "a: b", "http://[::1]:15000/memory"),
        ("wget", "-qO-", "localhost:15000/memory"),
        ("wget", "-q", "-O", "-", "http://localhost:15000/memory"),
        ("sh", "-c", "curl -s 'localhost:15000/memory'"),
    ],
)
def test_a_page_by_curl_and_wget(argv: tuple[str, ...]) -> None:
    assert in_web(*argv) == Outcome(stdout=MEMORY)


def test_the_agents_own_requests() -> None:
    assert in_web("pilot-agent", "request", "GET", "memory") == Outcome(stdout=MEMORY + b"\n")
    assert in_web("pilot-agent", "request", "--debug-port", "15021", "GET", "/healthz/ready") == Outcome(stdout=b"\n")
    assert in_web("pilot-agent", "request", "--debug-port=15021", "GET", "healthz/ready") == Outcome(stdout=b"\n")
    failed = in_web("pilot-agent", "request", "POST", "quitquitquit")
    assert (failed.code, failed.stdout) == (1, b"")
    assert failed.stderr.startswith(b"Error: received unsuccessful status code 405: ")
    assert in_web("pilot-agent", "request", "GET", "nosuch").stdout.startswith(b"GET /nosuch of web.shop")
    listing = run(pages(), *ISTIOD, ["pilot-discovery", "request", "GET", "/debug/list"])
    assert listing == Outcome(stdout=b'["syncz"]\n')


def test_what_curl_says_of_failures() -> None:
    assert in_web("curl", "-sf", "localhost:15000/nosuch").code == 22
    assert in_web("curl", "localhost:1/").code == 7
    silent = b"GET /certs of web.shop:15000 is not in this recording: connection refused.\n"
    assert in_web("curl", "localhost:15000/certs") == Outcome(
        stderr=b"curl: (52) Empty reply from server: " + silent, code=52
    )
    assert in_web("wget", "-qO-", "localhost:15000/certs").code == 1
    assert in_web("pilot-agent", "request", "GET", "certs").stderr == b"Error: EOF: " + silent
    assert in_web("wget", "-qO-", "localhost:15000/nosuch").code == 1
    assert in_web("curl", "-sI", "localhost:15000/ready").stdout == (
        b"HTTP/1.1 200\r\ncontent-type: text/plain; charset=UTF-8\r\ncontent-length: 5\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("code", "argv"),
    [
        (126, ()),
        (126, ("curl", "https://localhost:15000/ready")),
        (126, ("curl", "example.com")),
        (126, ("curl", "-d", "x", "localhost:15000/ready")),
        (126, ("pilot-agent", "wait")),
        (126, ("pilot-agent", "request", "--debug-port", "x", "GET", "ready")),
        (126, ("wget", "localhost:15000/ready")),
        (127, ("ls", "-la")),
        (127, ("sh", "-c", "curl localhost:15000/ready | cat")),
        (127, ("sh", "-c", "'")),
        (127, ("",)),
    ],
)
def test_anything_else_says_that_this_is_a_recording(code: int, argv: tuple[str, ...]) -> None:
    outcome = in_web(*argv)
    assert (outcome.code, outcome.stdout) == (code, b"")
    assert outcome.stderr.startswith(b"bugbundle: web.shop is a recording, nothing runs in it;")


words = st.sampled_from(
    ["curl", "wget", "sh", "-c", "pilot-agent", "request", "GET", "--debug-port", "-X", "localhost:"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(words | st.text(max_size=12), max_size=5))
def test_any_words_have_an_outcome(argv: list[str]) -> None:
    assert 0 <= in_web(*argv).code <= 127
