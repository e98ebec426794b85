"""What `istioctl analyze -A` said of the recorded meshes is what the rules say: level, code, origin, message."""

from __future__ import annotations

import json

import captures
import pytest

from bugbundle.bundle import open_bundle
from bugbundle.mesh import Mesh
from bugbundle.rules import all_rules, run

Told = set[tuple[str, str, str, str]]


def live(name: str) -> Told:
    text = (captures.folder(name) / "istioctl" / "analyze_-A_-o_json.txt").read_text()
    rows, _ = json.JSONDecoder().raw_decode(text[text.index("[") :])
    return {(row["level"], row["code"], row["origin"], row["message"]) for row in rows}


def ours(name: str) -> Told:
    rules = [rule for rule in all_rules() if rule.code.startswith("IST")]
    found = run(Mesh(open_bundle(captures.bundle_folder(name))), rules)
    assert found.broken == []
    return {(str(f.level), f.code, str(f.origin), f.message) for f in found.findings}


@pytest.mark.parametrize("name", captures.NAMES)
def test_parity(name: str) -> None:
    assert ours(name) == live(name)
