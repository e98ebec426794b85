"""The Kubernetes API as the collector asks it: patiently, at a pace, lists whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from bugbundle.bundle.layout import GAP
from bugbundle.codec import JSONError, Raw, decode, split_array, split_object
from bugbundle.collect.cluster import Cluster
from bugbundle.collect.health import Watch
from bugbundle.collect.pace import Budget, Deadline, Pace, backoff
from bugbundle.collect.reply import Failed, Messages, Reply, as_recorded

JSON = "application/json"
ATTEMPTS = 2
"""In a row; once more at the end, and oftener where faults pass (`run.PAUSES`)."""
PAGE = 500
LONGEST_WAIT = 30.0
"""Seconds of a `Retry-After` that are waited at most."""
UNAUTHORIZED = 401
TOO_MANY = 429
BUSY = (TOO_MANY, 502, 503, 504)
PROBE = 3.0
"""Seconds for the question whether the API server is there."""
Got = TypeVar("Got")
_NONE = Raw(b"[]")


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` for one request; `attempts` for one question."""

    seconds: float = 30.0
    attempts: int = ATTEMPTS


class Api:
    """An API server behind a pace and a budget. Thread-safe. `tell` hears of a server that is away."""

    def __init__(
        self, cluster: Cluster, pace: Pace, budget: Budget, limits: Limits, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.cluster = cluster
        self.budget = budget
        self.limits = limits
        """May be changed between stages."""
        self._pace = pace
        self.watch = Watch(self._answers, budget, tell)

    def get(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON, keep: int = 0,
        stall: float | None = None,
    ) -> tuple[Reply, int]:  # fmt: skip
        """One question; a busy or lost server is asked again. The reply and the attempts. Raises `Failed`."""
        return self.patiently(lambda deadline: self._once(path, query or {}, accept, deadline.stalling(stall), keep))

    def listing(self, path: str) -> tuple[Reply, int]:
        """A list, whole: pages are joined, their items as they were served. Raises `Failed`.

        `resourceVersion=0` lets the API server answer from its cache, without asking its store
        (kubernetes.io/docs/reference/using-api/api-concepts, "resourceVersion").
        """
        reply, attempts = self.get(path, {"resourceVersion": "0", "limit": str(PAGE)})
        if not reply.good:
            return reply, attempts
        try:
            token = _token(split_object(reply.body))
            if not token:
                return reply, attempts
            return self._rest(path, reply, token), attempts
        except JSONError:
            raise Failed("the answer is not a list in JSON", status=reply.status) from None

    def patiently(self, once: Callable[[Deadline], Got], attempts: int = 0) -> tuple[Got, int]:
        """Try until it works, cannot work, or was tried often enough. Raises the last `Failed`.

        An attempt that failed because the API server was away does not count: it is waited for.
        """
        attempt, attempts, busy_until = 0, attempts or self.limits.attempts, 0.0
        while True:
            self.watch.hold()
            if self.budget.over:
                raise Failed("the time was used up before it was asked")
            attempt, begun = attempt + 1, time.monotonic()
            try:
                return once(self.budget.deadline(self.limits.seconds)), attempt
            except _Busy as busy:
                busy_until = busy_until or begun + self.limits.seconds
                if not self._worth(busy, begun, busy_until, attempt >= attempts):
                    return busy.reply, attempt  # type: ignore[return-value]
                self.budget.sleep(max(busy.seconds, backoff(min(attempt, attempts))))
            except Failed as failed:
                if failed.lost and self.watch.was_away(begun):
                    attempt -= 1
                    continue
                failed.attempts = attempt
                if not failed.again or failed.late or failed.refused or attempt >= attempts:
                    raise
                self.budget.sleep(backoff(attempt))

    def _worth(self, busy: _Busy, begun: float, until: float, enough: bool) -> bool:
        """Whether to ask again: one who says when to come back is asked then, as long as one request may take."""
        if self.budget.over:
            return False
        if busy.reply.status == TOO_MANY:
            return not enough or (busy.seconds > 0 and time.monotonic() + busy.seconds < until)
        return self.watch.was_away(begun) or not enough

    def _answers(self) -> bool:
        """Whether the API server is there, asked for its health, and where that is bad, for its version."""
        for path in ("/readyz", "/version"):
            deadline = self.budget.deadline(PROBE)
            if deadline.left <= 0:
                return False
            try:
                reply = self.cluster.get(path, {}, "*/*", deadline)
            except Failed:
                return False
            if reply.status < 500:
                return True
        return False

    def channels(self, path: str, query: list[tuple[str, str]], deadline: Deadline) -> Messages:
        """A websocket to a subresource of a pod. Raises `Failed`."""
        self._pace.wait(self.budget)
        begun = time.monotonic()
        try:
            return self.cluster.channels(path, query, deadline)
        except Failed as failed:
            if failed.status != UNAUTHORIZED or not self.cluster.renew(begun):
                raise
        return self.cluster.channels(path, query, deadline)

    def _once(self, path: str, query: Mapping[str, str], accept: str, deadline: Deadline, keep: int) -> Reply:
        self._pace.wait(self.budget)
        begun = time.monotonic()
        reply = self.cluster.get(path, query, accept, deadline, keep)
        if reply.status == UNAUTHORIZED and self.watch.answered and self.cluster.renew(begun):
            reply = self.cluster.get(path, query, accept, deadline, keep)
        self.watch.answered = True
        if GAP in reply.headers:
            return as_recorded(reply)
        if reply.status in BUSY:
            raise _Busy(reply)
        return reply

    def _rest(self, path: str, first: Reply, token: str) -> Reply:
        """The pages behind the first, joined with it."""
        top = split_object(first.body)
        items = split_array(top.get("items", _NONE))
        while token:
            reply, _ = self.get(path, {"limit": str(PAGE), "continue": token})
            if reply.status == 410:
                return self.get(path, {"resourceVersion": "0"})[0]
            if not reply.good:
                raise Failed(f"after {len(items)} objects: {reply.reason}", status=reply.status)
            top = split_object(reply.body)
            items += split_array(top.get("items", _NONE))
            token = _token(top)
        return replace(first, body=_joined(top, items))


class _Busy(Exception):
    """The server asks to come back later."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        text = reply.headers.get("retry-after", "")
        self.seconds = min(float(text), LONGEST_WAIT) if text.isascii() and text.isdecimal() else 0.0
        super().__init__(reply.status)


def _token(top: Mapping[str, Raw]) -> str:
    metadata = decode(top["metadata"]) if "metadata" in top else {}
    token = metadata.get("continue") if isinstance(metadata, dict) else ""
    return token if isinstance(token, str) else ""


def _joined(top: Mapping[str, Raw], items: list[Raw]) -> bytes:
    """The last page's frame around all items."""
    whole = b"[" + b",".join(bytes(item) for item in items) + b"]"
    members = (b'"%s":%s' % (name.encode(), whole if name == "items" else bytes(top[name])) for name in top)
    return b"{" + b",".join(members) + b"}"
