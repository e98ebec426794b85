"""A case: a public report, as readable changes to a sample bundle. `load` reads one, `bundle` applies it.

The form is in tests/cases/README.md. Entries are changed in memory; nothing is written.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from case_scene import CaseError, Scene

from bugbundle.bundle import Bundle, open_bundle

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests" / "cases"
ABOUT = {"report", "about", "base", "batch", "first", "words", "quiet"}
CHANGES = {"objects", "remove", "patch", "clone", "dumps", "replace"}
SAID = {"requests", "logs", "events", "counters", "entries", "gone"}
KNOWN = ABOUT | CHANGES | SAID


@dataclass(frozen=True)
class Case:
    """One report: `first` are the objects that the first diagnosis may name, `words` what its text must touch."""

    name: str
    report: str
    about: str
    batch: int
    first: tuple[str, ...]
    words: str
    quiet: bool
    spec: dict[str, Any]

    def bundle(self) -> Bundle:
        """The sample with everything that the case changes."""
        scene = Scene(dict(_base(self.spec.get("base", "healthy"))))
        scene.apply(self.spec)
        return Bundle.from_entries(scene.entries, origin=self.name)


def load(path: Path) -> Case:
    """Read one case. Raises `CaseError` where it has a member that is not known or lacks one that is needed."""
    spec = yaml.safe_load(path.read_text("utf-8"))
    unknown = set(spec) - KNOWN
    if unknown:
        raise CaseError(f"{path.name}: unknown members {sorted(unknown)}")
    quiet = bool(spec.get("quiet"))
    if not spec.get("report") or not (quiet or (spec.get("first") and spec.get("words"))):
        raise CaseError(f"{path.name}: report, and either quiet or first and words, are needed")
    first = tuple(spec.get("first") or ())
    batch = int(spec.get("batch", 0))
    return Case(path.stem, spec["report"], spec.get("about", ""), batch, first, spec.get("words", ""), quiet, spec)


def all_cases() -> list[Case]:
    """Every case, by name."""
    return [load(path) for path in sorted(FOLDER.glob("*.yaml"))]


@functools.cache
def _base(name: str) -> dict[str, bytes]:
    bundle = open_bundle(ROOT / "sample_bundles" / f"{name}.tar.zst")
    return {path: bytes(bundle[path]) for path in bundle}
