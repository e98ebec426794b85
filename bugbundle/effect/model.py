"""What an effect is: where an object should act, where it does, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bugbundle.mesh import KubeObject
from bugbundle.mesh.ref import Proof, Ref


class Reason(StrEnum):
    """Why an object, or a part of it, does nothing. The list is closed."""

    NOT_DISCOVERED = "its namespace is not discovered"
    NO_CONTROL_PLANE = "no control plane serves it"
    HIDDEN = "it is not visible where it is needed"
    NO_TARGET = "it selects nothing"
    NO_MEETING = "its names do not meet those of the other side"
    OVERRULED = "another object of its kind wins"
    NO_MATCH = "its match fits nothing that the proxies have"
    NEVER = "a value in it can never match"
    VERSION = "a version is too old or too new for it"
    BYPASSED = "traffic passes by what would apply it"
    NOT_READ = "it was created after the proxies started, which read it once"


@dataclass(frozen=True)
class Why:
    """One reason, with both sides of it.

    `text` continues the object's name («… names Gateway shop/web, which …»); `todo` says what to write where; `part` is
    the JSON pointer of the part that does nothing, empty for the whole; `hosts` and `pods` (ids) are what its requests
    are recognised by; `told` is the code of a rule that tells the same already; `certain` where the evidence is of both
    sides, not of the object alone.
    """

    reason: Reason
    text: str
    todo: str
    part: str = ""
    objects: tuple[Ref, ...] = ()
    proofs: tuple[Proof, ...] = ()
    hosts: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    told: str = ""
    certain: bool = True
    advice: bool = False
    seen: tuple[Proof, ...] = ()
    """Requests that went elsewhere because of it, where they are known already."""


class Trace(NamedTuple):
    """Where an object acts: a proxy's id (`pod.namespace`), a pod or another object, and what of it is there."""

    where: str
    what: str


@dataclass
class Effect:
    """What one object does.

    `should`: ids of proxies and pods (or names of objects) that it is meant for; `acts`: where it is seen; `why`:
    reasons why it, or a part of it, does nothing; `blind`: what could not be looked at. `visible` is False for kinds
    that leave no name in a dump: then `acts` says nothing.
    """

    item: KubeObject
    should: tuple[str, ...] = ()
    acts: tuple[Trace, ...] = ()
    why: tuple[Why, ...] = ()
    blind: tuple[str, ...] = ()
    visible: bool = True
    notes: tuple[str, ...] = field(default=())

    @property
    def missing(self) -> tuple[str, ...]:
        """Where it should act, and is not seen; empty for kinds that leave no name."""
        if not self.visible:
            return ()
        there = {trace.where for trace in self.acts}
        return tuple(one for one in self.should if one not in there)

    @property
    def verdict(self) -> str:
        """One word: `effective`, `partly`, `without effect`, `unseen` (it leaves no name), `unknown`."""
        whole = any(not why.part for why in self.why)
        if self.acts:
            return "partly" if self.why or self.missing else "effective"
        if whole:
            return "without effect"
        if self.why:
            return "partly"
        if not self.visible:
            return "unseen"
        return "unknown" if self.blind or self.should else "without effect"
