"""A question, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from queue import Full, Queue

from bugbundle.bundle import Entry, Gap
from bugbundle.bundle.layout import UNASKED
from bugbundle.collect.pace import Budget, Clock
from bugbundle.collect.reply import Failed, Reply
from bugbundle.istio import Source

API = "kubernetes"
NOT_ASKED = "not asked: the collection was ended before"
MAY_PASS = (429, 500, 502, 503, 504)
"""Statuses after which the same question may be answered later."""


@dataclass(frozen=True, slots=True)
class Ask:
    """The entry that will hold the answer, who is asked, and what, as the manifest says it.

    `any_status`: the body is kept whatever the status, as it tells something.
    """

    path: str
    target: str
    request: str
    any_status: bool = False

    def gap(self, reason: str, status: int = 0) -> Gap:
        """That there is no answer."""
        return Gap(self.path, self.target, self.request, status, reason)


def kubernetes(path: str, url: str) -> Ask:
    """A question to the API server."""
    return Ask(path, API, f"GET {url}")


READY = (Source.ENVOY_READY, Source.AGENT_READY, Source.ISTIOD_READY, Source.ZTUNNEL_READY)
_WORDS = {"proxies": "proxy"}


def of_pod(source: Source, namespace: str, pod: str, item: str = "", *, name: str = "", port: int = 0) -> Ask:
    """A question to a pod's server; `item` stands for the `*`, `name` for the entry's name where it differs."""
    spec = source.value
    path = f"{spec.folder}/{namespace}/{pod}/{name}" if name else source.entry(namespace, pod, item)
    target = f"{_WORDS.get(spec.folder, spec.folder)} {pod}.{namespace}:{port or spec.port}"
    return Ask(path, target, spec.request.replace("*", item), source in READY)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its reply: when it was asked (UTC), seconds until the answer was whole, by which way."""

    ask: Ask
    reply: Reply
    at: datetime
    seconds: float
    attempts: int = 1
    route: str = ""


@dataclass(frozen=True, slots=True)
class Passing(Gap):
    """No answer, for a reason that may pass, at so many attempts."""

    attempts: int = 0


Outcome = Asked | Gap
Once = Callable[[], tuple[Reply, int, str]]
"""Gives a reply, the attempts and the route, or raises `Failed`."""


@dataclass(slots=True)
class Task:
    """Questions that are asked together, by one worker; `work` is given the desk and answers each of them.

    `places` are those that must answer for it (`health.Places`). `free`: asks nobody, so that it is done even when the
    time is over. `tries`: how often it was asked in vain; `gaps`: why it was put off, by path.
    """

    asks: list[Ask]
    work: Callable[[Desk], None]
    free: bool = False
    places: tuple[str, ...] = ()
    tries: int = 0
    gaps: dict[str, Gap] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)

    def left(self, reason: str) -> list[Gap]:
        """What it has not answered: for the reason it was put off, else for this one."""
        return [self.gaps.get(ask.path) or ask.gap(reason) for ask in self.asks if ask.path not in self.done]


@dataclass(frozen=True, slots=True)
class Later:
    """A task to be worked off at the end."""

    task: Task


Item = Outcome | Later | Task


class Desk:
    """Where the workers of one task hand in what they got. A full desk makes them wait.

    `probing`: what was put off is asked now, also of those who were silent.
    """

    def __init__(
        self, task: Task, outcomes: Queue[Item], budget: Budget, clock: Clock, *, probing: bool = False
    ) -> None:  # fmt: skip
        self._task, self._outcomes, self._budget, self._clock = task, outcomes, budget, clock
        self.probing = probing

    def ask(self, ask: Ask, once: Once, places: tuple[str, ...] = ()) -> Reply | None:
        """Ask, hand in the answer or why there is none; the reply if it is good."""
        outcome = self.attempt(ask, once)
        if self.put_off(ask, outcome, lambda desk: desk.ask(ask, once, places), places):
            return None
        return self.settle(outcome)

    def attempt(self, ask: Ask, once: Once) -> Outcome:
        """Ask, without handing in."""
        at, begun = self._clock.now(), time.monotonic()
        try:
            reply, attempts, route = once()
        except Failed as failed:
            if failed.again or failed.status in MAY_PASS:
                return Passing(ask.path, ask.target, ask.request, failed.status, failed.reason, failed.attempts)
            return ask.gap(failed.reason, failed.status)
        if reply.status in MAY_PASS and not (ask.any_status or reply.gap or UNASKED in reply.headers):
            return Passing(ask.path, ask.target, ask.request, reply.status, reply.reason, attempts)
        return Asked(ask, reply, at, round(time.monotonic() - begun, 4), attempts, route)

    def put_off(self, ask: Ask, outcome: Outcome, work: Callable[[Desk], object], places: tuple[str, ...] = ()) -> bool:
        """Whether the question is asked again at the end, by `work`, as the outcome may be another then."""
        if self._budget.over or not isinstance(outcome, Passing):
            return False
        self._task.done.add(ask.path)
        tries, gaps = self._task.tries + outcome.attempts, {ask.path: ask.gap(outcome.reason, outcome.status)}
        self._put(Later(Task([ask], lambda desk: _void(work(desk)), places=places, tries=tries, gaps=gaps)))
        return True

    def postpone(self, task: Task) -> None:
        """The whole task at the end: nothing of it was asked."""
        self._task.done.update(ask.path for ask in task.asks)
        self._put(Later(replace(task, done=set())))

    def settle(self, asked: Outcome, instead_of: Ask | None = None) -> Reply | None:
        """Hand in an answer: a refusal is a gap, unless its body tells something. The reply if it is good."""
        if isinstance(asked, Gap):
            self.hand_in(asked)
            return None
        ask, reply = asked.ask, asked.reply
        self._task.done.add((instead_of or ask).path)
        if UNASKED not in reply.headers:
            kept = reply.good or (ask.any_status and not reply.gap)
            self.hand_in(asked if kept else ask.gap(reply.reason, reply.status))
        return reply if reply.good else None

    def hand_in(self, outcome: Outcome) -> None:
        """To the writer."""
        self._task.done.add(outcome.path if isinstance(outcome, Gap) else outcome.ask.path)
        self._put(outcome)

    def finish(self, reason: str) -> None:
        """The task has ended: what it did not answer is a gap."""
        for gap in self._task.left(reason):
            self._put(gap)
        self._put(self._task)

    def _put(self, item: Item) -> None:
        while not self._budget.abandoned:
            with suppress(Full):
                self._outcomes.put(item, timeout=0.5)
                return


def _void(_: object) -> None:
    """What work gives back is of no interest."""


def entry_of(asked: Asked) -> Entry:
    """The manifest's row; size and hash are worked out by the writer."""
    ask = asked.ask
    return Entry(
        path=ask.path, size=0, target=ask.target, request=ask.request, status=asked.reply.status, at=asked.at,
        seconds=asked.seconds, attempts=asked.attempts, route=asked.route,
    )  # fmt: skip
