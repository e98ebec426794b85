"""What a symptom is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from bugbundle.codec import hash128
from bugbundle.mesh.ref import Proof, Ref


class Kind(StrEnum):
    """Where a symptom was seen."""

    REQUEST = "request"
    """A request or connection that Envoy itself failed (access log)."""
    ANSWER = "answer"
    """A request that something behind Envoy answered with 401, 403 or 5xx (access log)."""
    CONNECTION = "connection"
    """A connection that ztunnel failed (its access log)."""
    COUNTER = "counter"
    """Failures that Envoy or ztunnel counted."""
    CONDITION = "condition"
    """A condition in an object's status that says no."""
    STATUS = "status"
    """Replicas that are missing, pods and containers that are not ready, a status that is behind its spec."""
    EVENT = "event"
    """A Warning event that still holds."""
    LOG = "log"
    """Lines of level warning or error of a component of the mesh."""
    LAST_WORDS = "last words"
    """The end of the log of a container that ended or does not start."""
    SYNC = "sync"
    """A proxy that rejected its configuration or did not acknowledge it."""


class State(StrEnum):
    """Whether a symptom speaks of now."""

    NOW = "now"
    PAST = "past"
    HARMLESS = "harmless"


@dataclass(frozen=True)
class Symptom:
    """One kind of trouble of one subject.

    `subject` is who shows it, `other` who stands at the other end (a request's destination). `text` is one sentence.
    `count` is in requests, connections, lines, pods or events, by the kind. Times are UTC, None where they are not
    known; `last_success` is the last time that the same thing went well. `things` are all objects that it is about:
    what a cause shares with it. `reason` tells why it is past or harmless. `grave` is False for what the component
    itself calls a warning.
    """

    kind: Kind
    subject: Ref
    text: str
    count: int = 1
    other: Ref | None = None
    first: datetime | None = None
    last: datetime | None = None
    last_success: datetime | None = None
    proofs: tuple[Proof, ...] = ()
    things: tuple[Ref, ...] = ()
    state: State = State.NOW
    reason: str = ""
    grave: bool = True

    @cached_property
    def id(self) -> str:
        """Stable while kind, subject and text are."""
        return f"S-{hash128(f'{self.kind}{self.subject}{self.other}{self.text}'.encode()).hex()[:8]}"

    def concerns(self, namespace: str) -> bool:
        """Whether it is about a namespace."""
        return any(namespace in (thing.namespace, thing.name * (thing.kind == "Namespace")) for thing in self.about)

    @cached_property
    def about(self) -> frozenset[Ref]:
        """Subject, other end and all other objects."""
        return frozenset(thing for thing in (self.subject, self.other, *self.things) if thing is not None)
