"""Durations, as kubectl writes them."""

import pytest

from bugbundle.durations import human

HOUR, DAY = 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"), (-1, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (185, "3m5s"), (600, "10m"),
        (3 * HOUR - 1, "179m"), (3 * HOUR, "3h"), (3 * HOUR + 61, "3h1m"), (8 * HOUR + 100, "8h"), (2 * DAY, "2d"),
        (2 * DAY + 3 * HOUR, "2d3h"), (8 * DAY, "8d"), (729 * DAY, "729d"), (730 * DAY, "2y"), (731 * DAY, "2y1d"),
        (9 * 365 * DAY + 5 * DAY, "9y"),
    ],
)  # fmt: skip
def test_a_duration(seconds: int, text: str):
    assert human(seconds) == text
