"""What of a comparison is asked for: `--only` and `--ignore`."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable

from bugbundle.compare.model import Change
from bugbundle.compare.noise import Noise
from bugbundle.compare.objects import ObjectChange
from bugbundle.errors import UsageError
from bugbundle.mesh.ref import Ref

ASKED = "left out as asked (--only, --ignore)"


@dataclasses.dataclass(frozen=True)
class Filter:
    """Patterns with wildcards: `Kind`, `Kind/namespace`, `Kind/namespace/name`, `namespace=NAME`, `path=FIELD`."""

    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for option, patterns in (("--only", self.only), ("--ignore", self.ignore)):
            for text in patterns:
                _check(option, text)

    def objects(self, changes: Iterable[ObjectChange], noise: Noise) -> list[ObjectChange]:
        """The changed objects, of each the fields, that are asked for; the others are counted."""
        kept = []
        for one in changes:
            fields = tuple(item for item in one.fields if self._path(item.path))
            if self._wants(one.ref) and (fields or not one.fields):
                kept.append(dataclasses.replace(one, fields=fields))
            else:
                noise.add(one.ref.kind, ASKED)
        return kept

    def changes(self, changes: Iterable[Change]) -> list[Change]:
        """The changes of what is asked for, and what follows from these."""
        kept = [one for one in changes if one.because or self._wants(one.object)]
        known = {one.id for one in kept}
        return [one for one in kept if not one.because or any(ident in known for ident in one.because)]

    def _wants(self, ref: Ref) -> bool:
        only = [text for text in self.only if not text.startswith("path=")]
        if only and not any(_fits(text, ref) for text in only):
            return False
        return not any(_fits(text, ref) for text in self.ignore if not text.startswith("path="))

    def _path(self, path: str) -> bool:
        only = [text[5:] for text in self.only if text.startswith("path=")]
        if only and not any(_under(path, text) for text in only):
            return False
        return not any(_under(path, text[5:]) for text in self.ignore if text.startswith("path="))


def _under(path: str, pattern: str) -> bool:
    """Whether a path is, or lies under, one of this pattern."""
    whole = pattern.replace("[", "[[]")
    return any(fnmatch.fnmatchcase(path, f"{whole}{tail}") for tail in ("", ".*", "[[]*"))


def _fits(text: str, ref: Ref) -> bool:
    if text.startswith("namespace="):
        name = text.removeprefix("namespace=")
        return fnmatch.fnmatchcase(ref.name if ref.kind == "Namespace" else ref.namespace, name)
    parts = text.split("/")
    if len(parts) == 3 and not ref.namespace:
        return False
    given = (ref.kind, ref.namespace, ref.name) if ref.namespace else (ref.kind, ref.name)
    return all(fnmatch.fnmatchcase(one.lower(), want.lower()) for one, want in zip(given, parts, strict=False))


def _check(option: str, text: str) -> None:
    if not text or len(text.split("/")) > 3 or text in ("path=", "namespace="):
        raise UsageError(
            "is none of Kind, Kind/namespace, Kind/namespace/name, namespace=NAME, path=FIELD",
            where=f"{option} {text!r}",
            todo=f"For example {option} VirtualService, {option} namespace=shop or {option} path=spec.replicas",
        )
