"""Tasks worked off by several threads, their outcomes taken by one; nothing waits for a thread that hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, Queue, SimpleQueue

from bugbundle.collect.ask import NOT_ASKED, Desk, Outcome, Task
from bugbundle.collect.pace import Budget, Clock

GRACE = 5.0
"""Seconds that threads have to come back when the time is over."""


@dataclass(frozen=True, slots=True)
class Office:
    """How many work at a time, for how long, by whose clock."""

    workers: int
    budget: Budget
    clock: Clock


def work_off(
    tasks: list[Task], take: Callable[[Outcome], None], tell: Callable[[int, int], None], office: Office
) -> None:
    """Work off `tasks`; `take` gets every outcome in this thread, `tell` how many tasks of how many are done.

    When the budget is over, every question that is still open becomes a gap.
    """
    if not tasks:
        return
    if office.budget.abandoned:
        _leave(tasks, take)
        return
    todo: SimpleQueue[Task] = SimpleQueue()
    outcomes: Queue[Outcome | Task] = Queue(maxsize=office.workers)
    for task in tasks:
        todo.put(task)
    threads = min(office.workers, len(tasks))
    for number in range(threads):
        worker = _Worker(todo, outcomes, office)
        threading.Thread(target=worker.work, name=f"collect-{number}", daemon=True).start()
    try:
        left = _take(tasks, outcomes, take, tell, office.budget)
    except BaseException:
        office.budget.stop()
        office.budget.abandoned = True
        raise
    _leave(left, take)


def _leave(tasks: list[Task], take: Callable[[Outcome], None]) -> None:
    """What these tasks have not answered is a gap each."""
    for task in tasks:
        for ask in task.asks:
            if ask.path not in task.done:
                take(ask.gap(NOT_ASKED))


def _take(
    tasks: list[Task],
    outcomes: Queue[Outcome | Task],
    take: Callable[[Outcome], None],
    tell: Callable[[int, int], None],
    budget: Budget,
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
    todo: SimpleQueue[Task]
    outcomes: Queue[Outcome | Task]
    office: Office

    def work(self) -> None:
        """One task after the other; one that fails does not end the others."""
        while True:
            try:
                task = self.todo.get_nowait()
            except Empty:
                return
            desk = Desk(task, self.outcomes, self.office.budget, self.office.clock)
            reason = NOT_ASKED
            try:
                if task.free or not self.office.budget.over:
                    task.work(desk)
            except Exception as error:
                reason = f"not asked: the collector failed before ({type(error).__name__})"
            finally:
                desk.finish(reason)
