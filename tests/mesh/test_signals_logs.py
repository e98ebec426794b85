"""Known lines in logs: found with their time and place, weighed against the capture's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.mesh.signals.logs import KEPT, Log, proxy_log, time_of

HEADER = '{"format": 1, "tool": "test", "started": "2026-01-02T03:04:05Z"}'
ENDED = "upstream terminated with unexpected error rpc error: code = Unavailable"


def log(text: str) -> Log:
    bundle = Bundle.from_entries({"bundle.json": HEADER, "logs/shop/cart-1/istio-proxy.log": text})
    found = proxy_log(Mesh(bundle), "shop", "cart-1")
    assert found is not None
    return found


def test_absent() -> None:
    assert proxy_log(Mesh(Bundle.from_entries({"bundle.json": HEADER})), "shop", "cart-1") is None


def test_lines_in_order_with_their_numbers() -> None:
    found = log(
        "2026-01-02T01:00:00.1Z\tinfo\tx\tstart\n"
        f"2026-01-02T01:00:01.1Z\twarn\txdsproxy\t{ENDED}\tid=1\n"
        "2026-01-02T01:00:02.1Z\terror\tfailed to sign: no route\n"
        f"2026-01-02T03:00:00.1Z\twarn\txdsproxy\t{ENDED}\tid=2"
    )
    assert [(line.number, line.said) for line in found.all("sign", "upstream_ended")] == [
        (2, f"xdsproxy {ENDED} id=1"),
        (3, "failed to sign: no route"),
        (4, f"xdsproxy {ENDED} id=2"),
    ]
    assert [line.number for line in found.recent("sign", "upstream_ended")] == [4]
    assert [line.number for line in found.recent("sign", within=timedelta(hours=3))] == [3]
    assert found.last("sign", "upstream_ended") == found.all("upstream_ended")[-1]


def test_a_line_of_two_kinds_counts_once() -> None:
    found = log("2026-01-02T03:04:00Z\terror\tfailed to warm certificate: failed to sign: nothing\n")
    assert len(found.all("sign", "warm")) == 1


def test_the_newest_are_kept() -> None:
    found = log("".join(f"2026-01-02T03:04:00Z\twarn\t{ENDED}\tid={n}\n" for n in range(KEPT + 50)))
    lines = found.all("upstream_ended")
    assert (len(lines), lines[-1].number) == (KEPT, KEPT + 50)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"2026-01-02T03:04:05.123456Z\tinfo", "2026-01-02T03:04:05.123456+00:00"),
        (b"[2026-01-02 03:04:05.100][12][warning] x", "2026-01-02T03:04:05.100000+00:00"),
        (b'{"level":"info","time":"2026-01-02T03:04:05Z"}', "2026-01-02T03:04:05+00:00"),
        (b"2026-99-99T03:04:05Z no such day", None),
        (b"no time", None),
    ],
)
def test_time_of(line: bytes, told: str | None) -> None:
    found = time_of(line)
    assert (found.isoformat() if found else None) == told


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_any_bytes(before: bytes, after: bytes) -> None:
    found = Log("logs/a/b/c.log", before + b"failed to sign" + after, None, {"sign": b"failed to sign"})
    assert found.all("sign")
