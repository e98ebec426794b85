"""A healthy mesh makes no headline; what is wrong is found whatever things are called."""

from __future__ import annotations

import captures
import pytest

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.mesh import Mesh
from bugbundle.rules import Level, Outcome, Rule, all_rules, run

FAMILIES = ("IST", "BB15", "BB50", "BB51", "BB60", "BB61", "BB70", "BB71", "BB8")
RULES = [rule for rule in all_rules() if rule.code.startswith(FAMILIES)]
OTHER_NAMES = {
    b"bookinfo": b"acme",
    b"ratings": b"scores",
    b"shop": b"mall",
    b"ambient-two": b"harbour",
    b"inj-": b"zz-",
}


def headlines(found: Outcome, rules: list[Rule]) -> list[str]:
    quiet = {rule.code for rule in rules if not rule.diagnosis}
    return [f.line for f in found.findings if f.level != Level.INFO and f.code not in quiet]


@pytest.mark.parametrize("name", ["healthy", "healthy-after-change"])
def test_healthy(name: str) -> None:
    found = run(Mesh(open_bundle(captures.bundle_folder(name))), RULES)
    assert (headlines(found, RULES), found.broken, found.not_evaluated) == ([], [], [])


def renamed(name: str) -> Bundle:
    root = captures.bundle_folder(name)
    entries: dict[str, bytes | str] = {}
    for file in root.rglob("*"):
        if file.is_file() and "config_dump" not in file.name:
            path, body = str(file.relative_to(root)).encode(), file.read_bytes()
            for old, new in OTHER_NAMES.items():
                path, body = path.replace(old, new), body.replace(old, new)
            entries[path.decode()] = body
    return Bundle.from_entries(entries)


@pytest.mark.parametrize("name", ["endpoints-gone", "injection-broken", "mtls-conflict", "waypoint-missing"])
def test_names_do_not_matter(name: str) -> None:
    here = run(Mesh(open_bundle(captures.bundle_folder(name))), RULES)
    there = run(Mesh(renamed(name)), RULES)
    assert sorted(f.code for f in there.findings) == sorted(f.code for f in here.findings)
    assert headlines(here, RULES) != []
