"""Values in the matches of a VirtualService that no request has.

Source: Istio turns `exact` and `prefix` into Envoy's literal comparisons (pilot/pkg/networking/core/route/route.go):
a * in them is the character itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.effect.model import Reason, Why
from bugbundle.mesh import KubeObject
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof


def matches(item: KubeObject, hosts: tuple[str, ...]) -> list[Why]:
    """A reason for each value of `uri`, `authority` or a header that can only match a literal *."""
    return [
        Why(
            Reason.NEVER,
            f"matches {field} by {form} {value!r}, where * is a character and no wildcard: requests pass it by",
            f"Write {todo}.",
            place,
            proofs=(Proof(item.at(place), f"{form}: {value}"),),
            hosts=hosts,
        )
        for field, place, form, value, todo in _literal(item)
    ]


def _literal(item: KubeObject) -> Iterator[tuple[str, str, str, str, str]]:
    for number, entry in enumerate(dicts(item.spec.get("http"))):
        for at, match in enumerate(dicts(entry.get("match"))):
            place = f"/spec/http/{number}/match/{at}"
            for field in ("uri", "authority"):
                yield from _star(field, f"{place}/{field}", as_dict(match.get(field)))
            for name, value in as_dict(match.get("headers")).items():
                escaped = name.replace("~", "~0").replace("/", "~1")
                yield from _star(f"header {name}", f"{place}/headers/{escaped}", as_dict(value))


def _star(field: str, place: str, value: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    for form in ("exact", "prefix"):
        text = as_text(value.get(form))
        if "*" in text:
            plain = text.partition("*")[0]
            todo = f"prefix: {plain}" if plain and text.endswith("*") and text.count("*") == 1 else "a regex"
            yield field, f"{place}/{form}", form, text, todo
