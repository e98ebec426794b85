"""Tasks worked off by several threads, their outcomes taken by one; nothing waits for a thread that hangs."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue

from bugbundle.collect.ask import NOT_ASKED, Desk, Item, Later, Outcome, Task
from bugbundle.collect.health import Places
from bugbundle.collect.pace import Budget, Clock

GRACE = 1.0
"""Seconds that threads have to come back when the time is over."""
UNKNOWN = 2
"""Tasks at a time of a place that has not answered yet."""


@dataclass(frozen=True, slots=True)
class Office:
    """How many work at a time, for how long, by whose clock; who answers.

    `again`: what was put off is worked off: silent places are probed.
    """

    workers: int
    budget: Budget
    clock: Clock
    places: Places
    again: bool = False


Taker = Callable[[Outcome | Later], None]


def work_off(tasks: list[Task], take: Taker, tell: Callable[[int, int], None], office: Office) -> None:
    """Work off `tasks`; `take` gets every outcome in this thread, `tell` how many tasks of how many are done.

    When the budget is over, every question that is still open becomes a gap.
    """
    if not tasks:
        return
    if office.budget.abandoned:
        _leave(tasks, take)
        return
    schedule = Schedule(tasks, office)
    outcomes: Queue[Item] = Queue(maxsize=office.workers)
    threads = min(office.workers, len(tasks))
    for number in range(threads):
        worker = _Worker(schedule, outcomes, office)
        threading.Thread(target=worker.work, name=f"collect-{number}", daemon=True).start()
    try:
        left = _take(tasks, outcomes, take, tell, office.budget)
    except BaseException:
        office.budget.stop()
        office.budget.abandoned = True
        raise
    _leave(left, take)


class Schedule:
    """Which task is next: in their order, but for places that are silent or have not answered yet. Thread-safe."""

    def __init__(self, tasks: list[Task], office: Office) -> None:
        self._todo = list(tasks)
        self._office = office
        self._busy: Counter[str] = Counter()

    def take(self) -> tuple[Task, str] | None:
        """The next task and what to do with it: `ask`, `later`, or `dead` (give it up); None when none is left."""
        places = self._office.places
        with places.changed:
            while self._todo:
                for at, task in enumerate(self._todo):
                    verdict = self._verdict(task)
                    if verdict:
                        del self._todo[at]
                        self._busy.update(task.places)
                        return task, verdict
                places.changed.wait(0.1)
        return None

    def done(self, task: Task) -> None:
        """Its places are free."""
        with self._office.places.changed:
            self._busy.subtract(task.places)
            self._office.places.changed.notify_all()

    def _verdict(self, task: Task) -> str:
        """Empty where it has to wait."""
        if self._office.budget.over:
            return "ask"
        states = {place: self._office.places.state(place) for place in task.places}
        if not self._office.again and set(states.values()) & {"wait", "probe", "dead"}:
            return "later"
        if "dead" in states.values():
            return "dead"
        room = {"open": self._office.workers, "new": UNKNOWN, "probe": 1, "wait": 0}
        return "ask" if all(self._busy[place] < room[state] for place, state in states.items()) else ""


def _leave(tasks: list[Task], take: Taker) -> None:
    """What these tasks have not answered is a gap each."""
    for task in tasks:
        for gap in task.left(NOT_ASKED):
            take(gap)


def _take(
    tasks: list[Task], outcomes: Queue[Item], take: Taker, tell: Callable[[int, int], None], budget: Budget
) -> list[Task]:
    """Until all tasks are done, or the grace is over: then the tasks that are not."""
    open_ = {id(task): task for task in tasks}
    patience = 0.0
    while open_:
        try:
            item = outcomes.get(timeout=0.2)
        except Empty:
            if not budget.over:
                continue
            patience = patience or time.monotonic() + GRACE
            if time.monotonic() >= patience:
                budget.abandoned = True
                return list(open_.values())
            continue
        if isinstance(item, Task):
            del open_[id(item)]
            tell(len(tasks) - len(open_), len(tasks))
        else:
            take(item)
    return []


@dataclass(frozen=True, slots=True)
class _Worker:
    schedule: Schedule
    outcomes: Queue[Item]
    office: Office

    def work(self) -> None:
        """One task after the other; one that fails does not end the others."""
        while (found := self.schedule.take()) is not None:
            task, verdict = found
            office = self.office
            desk = Desk(task, self.outcomes, office.budget, office.clock, probing=office.again)
            reason = NOT_ASKED
            try:
                if verdict == "dead":
                    reason = self._dead(task)
                elif task.free or not self.office.budget.over:
                    desk.postpone(task) if verdict == "later" else task.work(desk)
            except Exception as error:
                reason = f"not asked: the collector failed before ({type(error).__name__})"
            finally:
                self.schedule.done(task)
                desk.finish(reason)

    def _dead(self, task: Task) -> str:
        who = next((place for place in task.places if self.office.places.silent(place)), "")
        return f"not asked: {who} does not answer ({self.office.places.silent(who) or 'no answer'})"
