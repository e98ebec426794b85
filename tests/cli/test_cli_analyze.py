"""`analyze`, `report`, `rules` as they are called."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import captures
import pytest

from bugbundle.cli import main

HEALTHY = captures.sample("healthy")
BROKEN = captures.sample("nack-envoyfilter")

pytestmark = pytest.mark.skipif(not (HEALTHY.is_file() and BROKEN.is_file()), reason="no samples (make samples)")


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_broken_mesh_exits_with_79_and_says_why_first(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "analyze", str(BROKEN))
    assert code == 79
    assert out.startswith("Error: EnvoyFilter bookinfo/broken-lua makes Envoy reject")
    assert "\n  What to do\n" in out
    assert "\nError [BB201] (EnvoyFilter bookinfo/broken-lua) EnvoyFilter bookinfo/broken-lua makes Envoy reject" in out
    assert err == ""


def test_a_healthy_mesh_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "analyze", str(HEALTHY))
    assert code == 0
    assert out.startswith("No problem found")


def test_thresholds(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "analyze", str(HEALTHY), "--failure-threshold", "info", "--output-threshold", "Warning")
    assert code == 79
    assert "Info [" not in out
    code, out, _ = run(capsys, "analyze", str(BROKEN), "--output-threshold=Error", "--format", "json")
    assert {item["level"] for item in json.loads(out)["findings"]} == {"Error"}
    assert code == 79


def test_one_rule_alone(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "analyze", str(BROKEN), "--rule", "bb201", "--rule", "stale", "--format", "json")
    made = json.loads(out)
    assert code == 79
    assert set(made["checked"]) == {"BB201", "BB202"}
    assert {item["code"] for item in made["findings"]} == {"BB201"}


def test_suppressed_findings_neither_show_nor_fail(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("analyze", str(BROKEN), "--rule", "BB201", "-S")
    for pattern in ("BB201=EnvoyFilter bookinfo/broken-*", "BB201=EnvoyFilter broken-lua.bookinfo", "BB*=*"):
        code, out, _ = run(capsys, *words, pattern)
        assert (code, out.splitlines()[0]) == (0, "No problem found")
    code, _, _ = run(capsys, *words, "BB201=EnvoyFilter other/*")
    assert code == 79


def test_a_namespace(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "analyze", str(BROKEN), "-n", "shop", "--format", "json")
    assert code == 0
    assert "bookinfo/broken-lua" not in json.dumps(json.loads(out)["findings"])
    assert run(capsys, "analyze", str(BROKEN), "-n", "shop", "-A", "--format", "text")[0] == 79


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--rule", "BB2011"], 2, "Error: --rule: no rule is called 'BB2011'. The nearest are BB201"),
        (["--analyzer", "virtualservice.Nothing"], 2, "Error: --analyzer: no rule is called 'virtualservice.Nothing'"),
        (["--suppress", "BB201"], 2, "Error: --suppress 'BB201': not CODE=Kind ns/name"),
        (["--format", "pdf"], 2, "Invalid value for '--format'"),
        (["-o", "pdf"], 2, "pdf not a valid option for format"),
        (["-o", "sarif"], 2, "--format sarif is ours"),
        (["--remote-contexts", "east"], 2, 'context "east" not found'),
    ],
)
def test_words_that_make_no_sense(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    got, out, err = run(capsys, "analyze", str(BROKEN), *words)
    assert (got, out) == (code, "")
    assert said in err


def test_istioctls_analyzers_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rules", "--format", "json")
    names = {rule["analyzer"] for rule in json.loads(out) if rule["analyzer"]}
    assert code == 0
    name = sorted(names)[0]
    code, out, _ = run(capsys, "analyze", str(HEALTHY), "--analyzer", name, "--format", "json")
    assert json.loads(out)["checked"]


def test_colours_are_for_terminals_and_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("analyze", str(BROKEN), "--rule", "BB201")
    assert "\x1b" not in run(capsys, *words)[1]
    assert run(capsys, *words, "--color")[1].startswith("\x1b[1;31mError: ")
    assert "\x1b" not in run(capsys, *words, "--color=false")[1]


@pytest.mark.parametrize("text", ["", "no bundle at all", "\x28\xb5\x2f\xfd"])
def test_a_file_that_is_no_bundle(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "case.tar.zst"
    target.write_text(text, "latin-1")
    for command in ("analyze", "report"):
        code, out, err = run(capsys, command, str(target))
        assert (code, out) == (1, "")
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
        assert "case.tar.zst" in err


def test_an_empty_folder_is_told_apart_from_a_healthy_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "analyze", str(tmp_path))[0] == 1
    (tmp_path / "bundle.json").write_text('{"format": 1, "started": "2026-11-20T18:03:11Z"}')
    code, out, _ = run(capsys, "analyze", str(tmp_path))
    lines = out.splitlines()
    assert code in (0, 79)
    assert lines[0] == "Nothing can be told: this bundle holds no proxy, istiod, ztunnel or Kubernetes object"
    assert "Note: no manifest.json: the capture was cut off, or this is a part of a bundle" in lines


def test_report_writes_one_private_file_and_never_over_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "report", str(BROKEN))
    target = tmp_path / "nack-envoyfilter.html"
    assert (code, out) == (0, "")
    assert err.startswith("Report written to nack-envoyfilter.html (")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    page = target.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    code, _, err = run(capsys, "report", str(HEALTHY), "-o", str(target))
    assert (code, target.read_text("utf-8")) == (1, page)
    assert err == f"Error: {target}: exists already. Choose another name with -o, or write over it with --force\n"
    assert run(capsys, "report", str(HEALTHY), "-o", str(target), "--force")[0] == 0
    assert "No problem found" in target.read_text("utf-8")


def test_report_to_stdout_and_to_places_that_cannot_be(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["report", str(HEALTHY), "-o", "-"]) == 0
    said = capfdbinary.readouterr()
    assert said.out.startswith(b"<!doctype html>")
    assert said.err == b""
    assert main(["report", str(HEALTHY), "-o", str(tmp_path)]) == 1
    assert b"is a folder" in capfdbinary.readouterr().err
    assert main(["report", str(HEALTHY), "-o", str(tmp_path / "none" / "x.html")]) == 1
    assert b"cannot be written (No such file or directory)" in capfdbinary.readouterr().err


def test_rules_are_listed_and_documented(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "rules")
    lines = out.splitlines()
    assert code == 0
    assert all(len(line) < 190 for line in lines)
    codes = [line.split()[0] for line in lines]
    assert len(codes) == len(set(codes)) >= 25
    code, out, _ = run(capsys, "rules", "BB201")
    assert out.startswith("BB201 nack (Error, per ")
    assert "\n\nA proxy answers a push with NACK" in out
    assert "\n## What to do\n" in out
    assert "- proxies/…/config_dump.json" in out
    code, out, err = run(capsys, "rules", "BB20")
    assert (code, out) == (2, "")
    assert "The nearest are BB20" in err
