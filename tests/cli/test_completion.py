"""Completion of pods' names from the bundle."""

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from bugbundle.cli import cli

PODS = {"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": n, "namespace": "shop"}} for n in "ab"]}


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    (tmp_path / "k8s/api/v1").mkdir(parents=True)
    (tmp_path / "bundle.json").write_text(json.dumps({"format": 1, "tool": "test"}))
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "entries": [], "gaps": []}))
    (tmp_path / "k8s/api/v1/pods.json").write_text(json.dumps(PODS))
    return str(tmp_path)


@pytest.mark.parametrize(
    "words",
    [["ps"], ["describe", "pod"], ["x", "describe", "pod"], ["authz", "check"], ["zc", "workload"], ["check-inject"]],
)
def test_pods_of_the_bundle_are_offered(words: list[str], bundle: str):
    complete = ShellComplete(cli, {}, "bugbundle", "_BUGBUNDLE_COMPLETE")
    assert [item.value for item in complete.get_completions([*words, bundle], "")] == ["a.shop", "b.shop"]
    assert [item.value for item in complete.get_completions([*words, bundle], "b")] == ["b.shop"]
    assert complete.get_completions([*words, f"{bundle}/none"], "") == []


@pytest.mark.parametrize(
    "words", [["analyze"], ["pc", "route"], ["zc", "all"], ["x", "precheck"], ["pc", "secret", "-f"]]
)
def test_the_bundle_is_completed_as_a_path(words: list[str]):
    complete = ShellComplete(cli, {}, "bugbundle", "_BUGBUNDLE_COMPLETE")
    assert [item.type for item in complete.get_completions(words, "ca")] == ["file"]
