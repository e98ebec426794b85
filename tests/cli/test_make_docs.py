"""The generated pages of docs/: complete, and told when they are stale."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bugbundle.cli import COMMANDS
from bugbundle.rules import all_rules

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_docs.py"


@pytest.fixture(scope="module")
def make_docs() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_docs", TOOL)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_docs"] = module
    spec.loader.exec_module(module)
    return module


def test_every_rule_and_every_command_has_its_chapter(make_docs: ModuleType) -> None:
    rules, commands = make_docs.rules_page(), make_docs.commands_page()
    assert all(f"### {rule.code} {rule.name}\n" in rules for rule in all_rules())
    assert all(f"\n## bugbundle {word}\n" in commands for word in COMMANDS)


def test_stale_pages_are_told_and_not_written(make_docs: ModuleType, tmp_path: Path) -> None:
    into = ["--into", str(tmp_path)]
    assert make_docs.main([*into, "--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert make_docs.main(into) == 0
    assert make_docs.main([*into, "--check"]) == 0
    (tmp_path / "rules.md").write_text("old")
    assert make_docs.main([*into, "--check"]) == 1
    assert (tmp_path / "rules.md").read_text() == "old"
