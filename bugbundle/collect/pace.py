"""Time: how long anything may take, how often the cluster may be asked, and whose clock counts."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import FrameType

SKEW = timedelta(seconds=2)
"""A difference of clocks up to which ours is believed: `Date` has whole seconds."""


class Budget:
    """The time that all of it may take; ends early when stopped. Seconds; thread-safe."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._stopped = threading.Event()
        self.reserve = 0.0
        """Seconds of it that are kept for writing what was answered."""
        self.abandoned = False
        """Whether nobody takes results any more."""

    def stop(self) -> None:
        """No more waiting, no more asking."""
        self._stopped.set()

    @property
    def over(self) -> bool:
        """Whether nothing more may be asked."""
        return self._stopped.is_set() or time.monotonic() >= self._until - self.reserve

    @property
    def left(self) -> float:
        """Seconds for asking."""
        return 0.0 if self._stopped.is_set() else max(0.0, self._until - self.reserve - time.monotonic())

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM stop; the second Ctrl-C interrupts. In the main thread only."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handler(number: int, _: FrameType | None) -> None:
            if self._stopped.is_set() and number == signal.SIGINT:
                raise KeyboardInterrupt
            self.stop()

        before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, old in before.items():
                signal.signal(number, old)

    def deadline(self, seconds: float) -> Deadline:
        """For one request: `seconds` from now, or the end of it all."""
        return Deadline(self, time.monotonic() + min(seconds, self.left))

    def sleep(self, seconds: float) -> None:
        """Wait, unless stopped."""
        self._stopped.wait(max(0.0, min(seconds, self.left)))


class Deadline:
    """When one request must be done; `stall` is how long it may go without a byte before that."""

    def __init__(self, budget: Budget, until: float, stall: float = float("inf")) -> None:
        self.budget = budget
        self._until = until
        self._stall = stall
        self._heard = time.monotonic()

    @property
    def left(self) -> float:
        """Seconds, 0 where it has passed."""
        until = min(self._until, self._heard + self._stall)
        return 0.0 if self.budget.over else max(0.0, until - time.monotonic())

    def sooner(self, seconds: float) -> Deadline:
        """A deadline for a part of it."""
        return Deadline(self.budget, min(self._until, time.monotonic() + seconds))

    def stalling(self, seconds: float | None) -> Deadline:
        """The same, but for so long without a byte; None for as long as there is."""
        return Deadline(self.budget, self._until, float("inf") if seconds is None else seconds)

    def heard(self) -> None:
        """Something came."""
        self._heard = time.monotonic()


class Pace:
    """A token bucket: `rate` requests per second, `burst` at once. Thread-safe."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._tokens, self._at = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def wait(self, budget: Budget) -> None:
        """Until it is one's turn."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
            self._at = now
            self._tokens -= 1
            debt = -self._tokens / self._rate
        if debt > 0:
            budget.sleep(debt)


def backoff(attempt: int) -> float:
    """Seconds before the attempt after the `attempt`-th (from 1)."""
    return float(0.25 * 2**attempt * random.uniform(0.8, 1.2))


class Clock:
    """The API server's clock, where ours differs: what is recorded is judged by the cluster's time."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def set(self, date: str) -> None:
        """From a `Date` header that was just received; anything else is ignored."""
        try:
            there = parsedate_to_datetime(date)
        except (ValueError, TypeError):
            return
        offset = there.astimezone(UTC) - datetime.now(UTC)
        self._offset = offset if abs(offset) > SKEW else timedelta(0)

    def now(self) -> datetime:
        """UTC, to the millisecond."""
        now = datetime.now(UTC) + self._offset
        return now.replace(microsecond=now.microsecond // 1000 * 1000)
