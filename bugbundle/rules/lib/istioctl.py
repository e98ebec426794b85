"""Rules that `istioctl analyze` has too: its choice of objects, its suppression, its way to print values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Blind, Check, Confidence, Evidence, Level, rule

SUPPRESS = "galley.istio.io/analyze-suppress"


class Hit(NamedTuple):
    """One message about one object: the values of the wording, where in the object, what stands there."""

    origin: KubeObject
    values: dict[str, Any] | None = None
    place: str = ""
    text: str = ""
    objects: tuple[Ref, ...] = ()
    affects: tuple[str, ...] = ()
    proofs: tuple[Proof, ...] = ()
    confidence: Confidence = Confidence.CERTAIN
    harmless: str = ""


def analyzer(
    code: str,
    name: str,
    *,
    level: Level,
    message: str,
    reads: set[Source | str],
    optional: set[Source | str] | None = None,
    explains: set[str] | None = None,
    diagnosis: bool = False,
) -> Callable[[Callable[[Mesh], Iterator[Hit]] | Callable[[Mesh], Iterator[Hit | Blind]]], Check]:
    """Declare a check of `istioctl analyze`: `name` is the analyzer's; the check yields `Hit`s."""

    def register(check: Callable[[Mesh], Iterator[Hit]] | Callable[[Mesh], Iterator[Hit | Blind]]) -> Check:
        @functools.wraps(check)
        def run(mesh: Mesh) -> Iterator[Evidence | Blind]:
            for hit in check(mesh):
                if isinstance(hit, Blind):
                    yield hit
                elif not suppressed(hit.origin, code):
                    yield _evidence(hit)

        return rule(
            code,
            per=Mesh,
            level=level,
            reads=reads,
            message=message,
            optional=optional,
            explains=explains,
            diagnosis=diagnosis,
            analyzer=name,
        )(run)

    return register


def _evidence(hit: Hit) -> Evidence:
    shown = Proof(hit.origin.at(hit.place), hit.text or str(hit.origin))
    return Evidence(
        ref(hit.origin),
        hit.values or {},
        objects=hit.objects,
        proofs=(shown, *hit.proofs),
        affects=hit.affects,
        confidence=hit.confidence,
        harmless=hit.harmless,
    )


def suppressed(item: KubeObject, code: str) -> bool:
    """Whether the object's annotation asks not to hear of this code."""
    codes = item.annotations.get(SUPPRESS, "").split(",")
    return "*" in codes or code in codes
