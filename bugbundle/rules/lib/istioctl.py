"""Rules that `istioctl analyze` has too: its choice of objects, its suppression, its way to print values."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.rules.model import Blind, Check, Confidence, Evidence, Level, Proof, Ref, ref, rule

SYSTEM_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "local-path-storage"})
UNREVISIONED = frozenset({"namespaces", "pods", "services", "secrets", "configmaps", "nodes"})
"""Kinds whose objects count whatever their `istio.io/rev` says."""

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
    )


def suppressed(item: KubeObject, code: str) -> bool:
    """Whether the object's annotation asks not to hear of this code."""
    codes = item.annotations.get(SUPPRESS, "").split(",")
    return "*" in codes or code in codes


def analysed(mesh: Mesh, resource: str) -> list[KubeObject]:
    """The objects that istioctl looks at: no system namespaces, and only those of its revision."""
    return [
        item
        for item in mesh.kube.list(resource)
        if item.namespace not in SYSTEM_NAMESPACES
        and (resource in UNREVISIONED or item.labels.get("istio.io/rev", mesh.revision) == mesh.revision)
    ]


def go_list(items: Iterable[object]) -> str:
    """`[a b]`, as Go prints a list."""
    return "[" + " ".join(str(item) for item in items) + "]"


def quoted(text: str) -> str:
    r"""`"a\"b"`, as Go's %q does."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def name_of(item: KubeObject) -> str:
    """`ns/name`, or the name alone of what belongs to no namespace."""
    return f"{item.namespace}/{item.name}" if item.namespace else item.name
