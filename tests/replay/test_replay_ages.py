"""Ages are the API server's: two units, and against the capture's time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bugbundle.replay.ages import Clock, human

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 31_536_000


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (2 * MINUTE, "2m"),
        (9 * MINUTE + 59, "9m59s"),
        (10 * MINUTE + 59, "10m"),
        (179 * MINUTE, "179m"),
        (3 * HOUR, "3h"),
        (7 * HOUR + 59 * MINUTE, "7h59m"),
        (8 * HOUR + 59 * MINUTE, "8h"),
        (47 * HOUR, "47h"),
        (2 * DAY, "2d"),
        (7 * DAY + 23 * HOUR, "7d23h"),
        (8 * DAY + HOUR, "8d"),
        (YEAR, "365d"),
        (2 * YEAR, "2y"),
        (2 * YEAR + DAY, "2y1d"),
        (8 * YEAR + DAY, "8y"),
    ],
)
def test_human_duration(seconds: float, shown: str) -> None:
    assert human(seconds) == shown


def test_age_is_measured_at_the_capture() -> None:
    clock = Clock(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    stamps = [
        "2026-01-02T03:04:00Z",
        "2026-01-02T04:04:00+01:00",
        "2026-01-02T03:04:04.123456Z",
        None,
        "x",
        3,
    ]
    expected = ["5s", "5s", "0s", "<unknown>", "<unknown>", "<unknown>"]
    assert [clock.since(stamp) for stamp in stamps] == expected
    assert Clock(None).since("2026-01-02T03:04:00Z") == "<unknown>"
