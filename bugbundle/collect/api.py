"""The Kubernetes API as the collector asks it: patiently, at a pace, lists whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from bugbundle.bundle.layout import GAP
from bugbundle.codec import JSONError, Raw, decode, split_array, split_object
from bugbundle.collect.cluster import Cluster
from bugbundle.collect.pace import Budget, Deadline, Pace, backoff
from bugbundle.collect.reply import Failed, Messages, Reply, as_recorded

JSON = "application/json"
ATTEMPTS = 3
PAGE = 500
LONGEST_WAIT = 30.0
"""Seconds of a `Retry-After` that are waited at most."""
BUSY = (429, 502, 503, 504)
Got = TypeVar("Got")
_NONE = Raw(b"[]")


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` for one request; `attempts` for one question."""

    seconds: float = 30.0
    attempts: int = ATTEMPTS


class Api:
    """An API server behind a pace and a budget. Thread-safe."""

    def __init__(self, cluster: Cluster, pace: Pace, budget: Budget, limits: Limits) -> None:
        self.cluster = cluster
        self.budget = budget
        self.limits = limits
        self._pace = pace

    def get(
        self, path: str, query: Mapping[str, str] | None = None, accept: str = JSON, keep: int = 0
    ) -> tuple[Reply, int]:
        """One question; a busy or lost server is asked again. The reply and the attempts. Raises `Failed`."""
        return self.patiently(lambda deadline: self._once(path, query or {}, accept, deadline, keep))

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
        """Try until it works, cannot work, or was tried often enough. Raises the last `Failed`."""
        attempt, attempts = 0, attempts or self.limits.attempts
        while True:
            attempt += 1
            if self.budget.over:
                raise Failed("the time was used up before it was asked")
            try:
                return once(self.budget.deadline(self.limits.seconds)), attempt
            except _Busy as busy:
                if attempt >= attempts:
                    return busy.reply, attempt  # type: ignore[return-value]
                self.budget.sleep(max(busy.seconds, backoff(attempt)))
            except Failed as failed:
                if not failed.again or attempt >= attempts:
                    raise
                self.budget.sleep(backoff(attempt))

    def channels(self, path: str, query: list[tuple[str, str]], deadline: Deadline) -> Messages:
        """A websocket to a subresource of a pod. Raises `Failed`."""
        self._pace.wait(self.budget)
        return self.cluster.channels(path, query, deadline)

    def _once(self, path: str, query: Mapping[str, str], accept: str, deadline: Deadline, keep: int) -> Reply:
        self._pace.wait(self.budget)
        reply = self.cluster.get(path, query, accept, deadline, keep)
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
