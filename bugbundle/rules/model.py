"""What a rule is, what it sees, what comes out of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from bugbundle.codec import hash128
from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Mesh, Proxy, Ztunnel
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.symptoms.model import Kind


class Level(StrEnum):
    """How bad, as istioctl spells it."""

    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return [Level.ERROR, Level.WARNING, Level.INFO].index(self)


class Confidence(StrEnum):
    """How sure."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def rank(self) -> int:
        """0 for the surest."""
        return [Confidence.CERTAIN, Confidence.LIKELY, Confidence.POSSIBLE].index(self)


class Op(NamedTuple):
    """One operation of a JSON patch (RFC 6902): `add`, `replace` or `remove` at a JSON pointer."""

    op: str
    path: str
    value: Any = None

    def plain(self) -> dict[str, Any]:
        """As it stands in a patch."""
        made = {"op": self.op, "path": self.path}
        return made if self.op == "remove" else {**made, "value": self.value}


class Patch(NamedTuple):
    """A mechanical correction of one object; `resource` is its list, as kubectl names it."""

    target: Ref
    resource: str
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a rule yields.

    `origin` is the object that is at fault; `values` fill the rule's message; `objects` are the others involved (they
    join findings into diagnoses); `proofs` show it; `affects` are the ids of proxies (or names of workloads) that
    suffer; `level` and `confidence` override the rule's; `at` is when it happened, where that is known;
    `patch` is a correction that a machine can make;
    `todo` is what to do about this very case, in place of the rule's card;
    `harmless` is why what istioctl reports here is nothing to worry about: it is told as Info, and istioctl's own
    answer keeps its level.
    """

    origin: Ref
    values: dict[str, Any] = field(default_factory=dict)
    objects: tuple[Ref, ...] = ()
    proofs: tuple[Proof, ...] = ()
    affects: tuple[str, ...] = ()
    level: Level | None = None
    confidence: Confidence = Confidence.CERTAIN
    at: datetime | None = None
    todo: str = ""
    patch: Patch | None = None
    harmless: str = ""


class Blind(NamedTuple):
    """Yielded in place of evidence: the rule could not look at `subject` for want of `missing` (a gap's text)."""

    subject: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, as a person reads it."""

    code: str
    level: Level
    origin: Ref
    message: str
    objects: tuple[Ref, ...]
    proofs: tuple[Proof, ...]
    affects: tuple[str, ...]
    confidence: Confidence
    at: datetime | None
    documentation_url: str = ""
    reference: str = ""
    todo: str = ""
    patch: Patch | None = None
    harmless: str = ""

    @cached_property
    def id(self) -> str:
        """Stable while code, origin and message are."""
        text = f"{self.code}\n{self.origin}\n{self.message}"
        return f"{self.code}-{hash128(text.encode()).hex()[:8]}"

    @property
    def line(self) -> str:
        """`Error [BB301] (VirtualService shop/cart) message`, as `istioctl analyze` prints."""
        return f"{self.level} [{self.code}] ({self.origin}) {self.message}"

    def sort_key(self) -> tuple[object, ...]:
        """Level, code, origin, message: the order of `istioctl analyze`."""
        return (
            self.level.rank,
            self.code,
            self.origin.kind,
            self.origin.name,
            self.origin.namespace,
            self.message,
        )


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """A rule that could not look at a subject, and the inputs it lacked."""

    code: str
    subject: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that failed: a defect of ours. `error` is the exception's kind and place, never its text."""

    code: str
    subject: str
    error: str


Subject = Mesh | Proxy | Istiod | Ztunnel
Check = Callable[..., Iterator[Evidence]] | Callable[..., Iterator[Evidence | Blind]]


@dataclass(frozen=True)
class Rule:
    """A check with its card.

    `reads` are sources and Kubernetes resources (`services`, `gateways.networking.istio.io`).
    """

    code: str
    per: type
    level: Level
    reads: frozenset[Source | str]
    message: str
    check: Check
    explains: frozenset[str] = frozenset()
    optional: frozenset[Source | str] = frozenset()
    diagnosis: bool = True
    analyzer: str = ""
    symptoms: frozenset[Kind] = frozenset()
    restates: bool = False
    fallback: bool = False

    @property
    def name(self) -> str:
        """The check's name with dashes: `route-to-missing-cluster`."""
        return self.check.__name__.replace("_", "-")

    @property
    def doc(self) -> str:
        """The whole docstring, as Markdown."""
        return _dedent(self.check.__doc__ or "")

    @property
    def summary(self) -> str:
        """The docstring up to the first heading."""
        return " ".join(self.doc.partition("\n##")[0].split())

    def section(self, heading: str) -> str:
        """The text under `## heading`, one paragraph."""
        match = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", self.doc, re.M | re.S)
        return " ".join(match[1].split()) if match else ""


_REQUESTS = {Kind.REQUEST, Kind.ANSWER, Kind.CONNECTION, Kind.COUNTER}
_PODS = {Kind.STATUS, Kind.CONDITION, Kind.EVENT, Kind.LAST_WORDS, Kind.LOG}
FAMILIES: dict[str, frozenset[Kind]] = {
    "BB1": frozenset({*_PODS, Kind.SYNC}),
    "BB2": frozenset({*_REQUESTS, *_PODS, Kind.SYNC}),
    "BB3": frozenset({*_REQUESTS, *_PODS, Kind.SYNC}),
    "BB4": frozenset({*_REQUESTS, *_PODS}),
    "BB5": frozenset({*_REQUESTS, *_PODS}),
    "BB6": frozenset(_PODS),
    "BB7": frozenset({*_REQUESTS, Kind.CONDITION, Kind.LOG}),
    "BB8": frozenset({*_REQUESTS, *_PODS}),
    "IST": frozenset({*_REQUESTS, Kind.CONDITION, Kind.LOG}),
}
"""The kinds of symptom that the rules of a family explain, unless a rule says otherwise."""


def _of_family(code: str) -> frozenset[Kind]:
    return FAMILIES.get(code[:3], frozenset())


RULES: dict[str, Rule] = {}
"""Every rule by its code: filled as the modules of `bugbundle.rules.catalogue` are imported."""


def rule(
    code: str,
    *,
    per: type,
    level: Level,
    reads: set[Source | str],
    message: str,
    explains: set[str] | None = None,
    optional: set[Source | str] | None = None,
    diagnosis: bool = True,
    analyzer: str = "",
    symptoms: set[Kind] | None = None,
    restates: bool = False,
    fallback: bool = False,
) -> Callable[[Check], Check]:
    """Declare a check.

    `reads`: what it cannot do without (absent → `NotEvaluated`); `optional`: what it looks at where it is there;
    `explains`: codes of findings that are this one's consequences where they share an object; `diagnosis=False`: never
    the headline (advice, hygiene); `analyzer`: istioctl's name of the analyzer, for IST codes; `symptoms`: the kinds of
    symptom that it explains where they share an object (default: those of its family, `FAMILIES`); `fallback`: another
    finding of the same origin is told in its place; `restates`: it tells a symptom in other words, and no cause. The
    message is a format
    string over the evidence's values. The docstring must hold `## Why it matters` and `## What to do`.
    """

    def register(check: Check) -> Check:
        if code in RULES:
            raise ValueError(f"rule {code} is declared twice")
        RULES[code] = Rule(
            code,
            per,
            level,
            frozenset(reads),
            message,
            check,
            frozenset(explains or ()),
            frozenset(optional or ()),
            diagnosis,
            analyzer,
            frozenset(symptoms) if symptoms is not None else _of_family(code),
            restates,
            fallback,
        )
        return check

    return register


def _dedent(text: str) -> str:
    head, _, rest = text.partition("\n")
    lines = rest.splitlines()
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join([head.strip(), *(line[margin:].rstrip() for line in lines)]).strip()
