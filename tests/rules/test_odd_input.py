"""Recorded JSON may be odd: whatever stands where something else should, no rule of the run-time families breaks."""

from __future__ import annotations

import json
import random
import re
from typing import Any

import fixtures
import pytest

from bugbundle.bundle import Bundle
from bugbundle.mesh import Mesh
from bugbundle.rules import Rule, run

RULES = [rule for rule in fixtures.rules() if re.match(r"BB(10|2|3|4|55|65|75|9)", rule.code)]
ODD: tuple[Any, ...] = (None, True, -1, 1e308, "", "x", "\ud800", [], {}, [None], [{}], {"a": None}, [[[]]], "9" * 400)
ROUNDS = 40


def spots(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(spot for key, item in items for spot in spots(item, (*way, key)))]


def spoiled(value: Any, way: tuple[Any, ...], odd: Any) -> Any:
    """The value with another one at the end of a way."""
    if not way:
        return odd
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[way[0]] = spoiled(value[way[0]], way[1:], odd)
    return copy


@pytest.mark.parametrize("rule", RULES, ids=[rule.code for rule in RULES])
def test_nothing_breaks(rule: Rule) -> None:
    chance = random.Random(rule.code)
    entries = fixtures.entries(rule, "fires")
    pages = [path for path in entries if path.endswith(".json") and path not in fixtures.OWN]
    for _ in range(ROUNDS if pages else 0):
        path = chance.choice(pages)
        page = json.loads(entries[path])
        odd = spoiled(page, chance.choice(spots(page)), chance.choice(ODD))
        mesh = Mesh(Bundle.from_entries({**entries, path: json.dumps(odd)}))
        assert run(mesh, [rule]).broken == [], f"{path}: {odd}"


@pytest.mark.parametrize("rule", RULES, ids=[rule.code for rule in RULES])
def test_cut_entries_break_nothing(rule: Rule) -> None:
    entries = fixtures.entries(rule, "fires")
    for path, data in entries.items():
        if path not in fixtures.OWN:
            mesh = Mesh(Bundle.from_entries({**entries, path: data[: len(data) // 2]}))
            assert run(mesh, [rule]).broken == []
