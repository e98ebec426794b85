"""A question, and what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from queue import Full, Queue

from bugbundle.bundle import Entry, Gap
from bugbundle.bundle.layout import UNASKED
from bugbundle.collect.pace import Budget, Clock
from bugbundle.collect.reply import Failed, Reply
from bugbundle.istio import Source

API = "kubernetes"
NOT_ASKED = "not asked: the collection was ended before"


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


Outcome = Asked | Gap


@dataclass(slots=True)
class Task:
    """Questions that are asked together, by one worker; `work` is given the desk and answers each of them.

    `free`: asks nobody, so that it is done even when the time is over.
    """

    asks: list[Ask]
    work: Callable[[Desk], None]
    free: bool = False
    done: set[str] = field(default_factory=set)


class Desk:
    """Where the workers of one task hand in what they got. A full desk makes them wait."""

    def __init__(self, task: Task, outcomes: Queue[Outcome | Task], budget: Budget, clock: Clock) -> None:
        self._task, self._outcomes, self._budget, self._clock = task, outcomes, budget, clock

    def ask(self, ask: Ask, once: Callable[[], tuple[Reply, int, str]]) -> Reply | None:
        """Ask, hand in the answer or why there is none; the reply if it is good.

        `once` gives the reply, the attempts and the route, or raises `Failed`.
        """
        asked = self.attempt(ask, once)
        if isinstance(asked, Gap):
            self.hand_in(asked)
            return None
        return self.settle(asked)

    def attempt(self, ask: Ask, once: Callable[[], tuple[Reply, int, str]]) -> Outcome:
        """Ask, without handing in."""
        at, begun = self._clock.now(), time.monotonic()
        try:
            reply, attempts, route = once()
        except Failed as failed:
            return ask.gap(failed.reason, failed.status)
        return Asked(ask, reply, at, round(time.monotonic() - begun, 4), attempts, route)

    def settle(self, asked: Asked, instead_of: Ask | None = None) -> Reply | None:
        """Hand in an answer: a refusal is a gap, unless its body tells something. The reply if it is good."""
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
        for ask in self._task.asks:
            if ask.path not in self._task.done:
                self._put(ask.gap(reason))
        self._put(self._task)

    def _put(self, item: Outcome | Task) -> None:
        while not self._budget.abandoned:
            with suppress(Full):
                self._outcomes.put(item, timeout=0.5)
                return


def entry_of(asked: Asked) -> Entry:
    """The manifest's row; size and hash are worked out by the writer."""
    ask = asked.ask
    return Entry(
        path=ask.path, size=0, target=ask.target, request=ask.request, status=asked.reply.status, at=asked.at,
        seconds=asked.seconds, attempts=asked.attempts, route=asked.route,
    )  # fmt: skip
