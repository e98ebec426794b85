"""Rules' fixtures: a folder per rule with `fires/` and `quiet/` in the bundle's own layout, and `expected.txt`.

A fixture may leave out lists that are empty, and `bundle.json`: both are made up here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from bugbundle.bundle import Bundle
from bugbundle.bundle.reader import DictStore
from bugbundle.istio import Source, source_of
from bugbundle.mesh import Mesh
from bugbundle.rules import Outcome, Rule, all_rules, run
from bugbundle.rules.engine import subjects

HERE = Path(__file__).parent
STARTED = "2026-01-02T03:04:05Z"
LIST = re.compile(r"k8s/(?:api/(v1)|apis/([^/]+)/[^/]+)/(?:namespaces/[^/]+/)?([a-z0-9-]+)\.json")
OWN = ("bundle.json", "manifest.json")


class Watched(DictStore):
    """Entries that remember which of them were read."""

    touched: set[str]

    def __init__(self, entries: dict[str, bytes]) -> None:
        super().__init__(entries)
        self.touched = set()

    def read(self, path: str) -> bytes:
        self.touched.add(path)
        return super().read(path)


def rules() -> list[Rule]:
    return all_rules()


def folder(rule: Rule) -> Path:
    """`IST0101_referenced_resource_not_found`."""
    return HERE / f"{rule.code}_{rule.name.replace('-', '_')}"


def entries(rule: Rule, part: str) -> dict[str, bytes]:
    """The entries of `fires` or `quiet`; a resource that the rule reads and that is not there gets an empty list."""
    root = folder(rule) / part
    found = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    there = {resource(path) for path in found}
    for name in [item for item in rule.reads | rule.optional if isinstance(item, str)]:
        if name not in there:
            plural, _, group = name.partition(".")
            path = f"k8s/apis/{group}/v1/{plural}.json" if group else f"k8s/api/v1/{plural}.json"
            found[path] = b'{"kind": "List", "apiVersion": "v1", "items": []}'
    found.setdefault("bundle.json", json.dumps({"format": 1, "tool": "fixture", "started": STARTED}).encode())
    return found


def resource(path: str) -> str | Source:
    """What a path is a recording of: a resource, or another source."""
    match = LIST.fullmatch(path)
    if not match:
        return source_of(path)
    return match[3] if match[1] else f"{match[3]}.{match[2]}"


def outcome(rule: Rule, part: str) -> tuple[Outcome, set[str]]:
    """What the rule alone makes of a fixture, and the entries that it read."""
    store = Watched(entries(rule, part))
    mesh = Mesh(Bundle(store))
    list(subjects(mesh, rule))
    store.touched.clear()
    return run(mesh, [rule]), {path for path in store.touched if path not in OWN}
