"""Who answers and who does not: the API server, each node, each server of the mesh.

What fails because the API server is away is not the fault of what was asked: the queue is held until it is back. A
node or a server of the mesh that has let two questions go without an answer is silent: its further questions wait for
one probe, and nobody else waits for them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bugbundle.collect.pace import Budget

SILENT = 2
"""Unanswered questions after which a place is silent."""
PATIENCE = 20.0
"""Seconds for which a silent place is probed, where it has answered before or much depends on it."""
LONGEST_PAUSE = 5.0
"""Seconds between two probes at most."""
FIRST = 10.0
"""Seconds for an API server that has never answered."""


class Watch:
    """Whether the API server answers. `probe` asks it once, without raising. Thread-safe."""

    def __init__(self, probe: Callable[[], bool], budget: Budget, tell: Callable[[str], None] = lambda _: None) -> None:
        self._probe, self._budget, self._tell = probe, budget, tell
        self._lock = threading.Lock()
        self._away = threading.Event()
        self._sound = 0.0
        self._back = 0.0
        self.answered = False
        """Whether it has ever answered; one that has not is not waited for."""

    def hold(self) -> None:
        """Wait while the server is away; not at all where it is there, or time is over."""
        if self._away.is_set():
            with self._lock:
                pass

    def was_away(self, since: float) -> bool:
        """Whether what was asked at `since` (monotonic) failed because the server was away; waits until it is back."""
        if not self.answered:
            return False
        with self._lock:
            if self._back >= since:
                return True
            if self._sound >= since:
                return False
            if self._probe():
                self._sound = time.monotonic()
                return False
            self._wait()
            return True

    def _wait(self) -> None:
        begun, pause = time.monotonic(), 0.25
        self._away.set()
        try:
            while not self._budget.over:
                self._tell(f"the API server does not answer: waiting for {time.monotonic() - begun:.0f} s")
                self._budget.sleep(pause)
                if self._probe():
                    break
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._back = time.monotonic()
            self._away.clear()


@dataclass(slots=True)
class _Place:
    answered: bool = False
    misses: list[str] = field(default_factory=list)
    silent: float = 0.0
    due: float = 0.0
    pause: float = 0.5
    dead: bool = False
    reason: str = ""


class Places:
    """Nodes (`node NAME`) and servers of the mesh (a question's target), and how they answer. Thread-safe."""

    def __init__(self, patient: Callable[[str], bool] = lambda _: False) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._patient = patient
        self.changed = threading.Condition(self._lock)
        """Told whenever a place may be asked again."""

    def answered(self, *names: str) -> None:
        """It has."""
        with self.changed:
            for name in filter(None, names):
                place = self._places.setdefault(name, _Place())
                fresh = not place.answered or place.silent
                place.answered, place.dead, place.silent, place.pause = True, False, 0.0, 0.5
                place.misses.clear()
                if fresh:
                    self.changed.notify_all()

    def missed(self, name: str, who: str, reason: str) -> None:
        """It has not: `who` was asked (of a node, two of the same pod count once)."""
        if not name:
            return
        with self.changed:
            place, now = self._places.setdefault(name, _Place()), time.monotonic()
            place.reason = reason
            if place.silent:
                patience = PATIENCE if place.answered or self._patient(name) else 0.0
                place.dead = now - place.silent >= patience
                place.due = now + place.pause
                place.pause = min(2 * place.pause, LONGEST_PAUSE)
            elif who not in place.misses:
                place.misses.append(who)
                if len(place.misses) >= SILENT:
                    place.silent = place.due = now
            self.changed.notify_all()

    def silent(self, name: str) -> str:
        """Why it is not asked for the time being; empty where it may be."""
        with self._lock:
            place = self._places.get(name)
            return place.reason if place and place.silent else ""

    def state(self, name: str) -> str:
        """`open`: ask; `new`: it has not answered yet; `wait`: silent, no probe is due; `probe`: one is; `dead`.

        The lock must be held (`changed`).
        """
        place = self._places.get(name)
        if place is None or not (place.answered or place.silent):
            return "new"
        if place.dead:
            return "dead"
        if place.silent:
            return "probe" if time.monotonic() >= place.due else "wait"
        return "open"

    def given_up(self, names: tuple[str, ...]) -> bool:
        """Whether one of these is dead, so that there is nothing to wait for."""
        with self._lock:
            return any(place.dead for name in names if (place := self._places.get(name)))

    def hoped_for(self, names: tuple[str, ...]) -> bool:
        """Whether one of these is silent, and probed until it is given up."""
        with self._lock:
            found = [place for name in names if (place := self._places.get(name)) and place.silent]
            return bool(found) and not any(place.dead for place in found)

    def revive(self) -> None:
        """What was given up is worth one more probe: time has passed."""
        with self.changed:
            for place in self._places.values():
                if place.dead:
                    place.dead, place.due = False, 0.0
