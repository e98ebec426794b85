"""Every command on a recording whose every name and text is full of what terminals obey: nothing of it gets out raw."""

# ruff: noqa: E501  (one command a word)

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bugbundle.bundle import open_bundle
from bugbundle.cli import COMMANDS, SHORT, main

SAMPLE = Path(__file__).resolve().parents[2] / "sample_bundles" / "missing-subset.tar.zst"
HOSTILE = "\x1b]52;c;QQ==\x07\x1b[31m\x9b2J\u202e\u2066\r"
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]")

RUNS = [
    "info {b}", "info {b} --format json", "analyze {b}", "analyze {b} --color", "analyze {b} --format json", "analyze {b} --format yaml",
    "analyze {b} --format markdown", "analyze {b} --format sarif", "analyze {b} --format junit", "analyze {b} -A", "precheck {b}",
    "symptoms {b}", "reach {b}", "compare {b} {s}", "proxy-status {b}", "proxy-status {b} {pod}", "proxy-config cluster {b} {pod}",
    "proxy-config listener {b} {pod}", "proxy-config route {b} {pod}", "proxy-config endpoint {b} {pod}", "proxy-config bootstrap {b} {pod}",
    "proxy-config secret {b} {pod}", "proxy-config all {b} {pod} -o json", "proxy-config log {b} {pod}", "proxy-config ecds {b} {pod}",
    "ztunnel-config all {b}", "ztunnel-config workload {b}", "describe pod {b} {pod}", "describe service {b} productpage.bookinfo",
    "check-inject {b} {pod}", "authz check {b} {pod}", "waypoint list {b}", "waypoint status {b}", "tag list {b}", "injector list {b}",
    "version {b}", "remote-clusters {b}", "admin log {b}", "internal-debug {b} syncz", "internal-debug {b} nothing", "report {b} -o - --force",
    "proxy-config cluster {b} no\u202ebody", "experimental precheck {b}", "convert {b} -o {t}", "trace {b} {pod} http://reviews:9080/",
    "rules", "rules BB301",
]  # fmt: skip


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as a folder; texts have the characters behind them, names of entries those that a name may have."""
    root = tmp_path_factory.mktemp("hostile") / "bundle"
    bundle = open_bundle(SAMPLE)
    escaped = HOSTILE.replace("\x1b", "\\u001b").replace("\x07", "\\u0007").replace("\r", "\\r")
    for path in bundle:
        raw = HOSTILE if path.endswith((".log", ".txt")) else escaped
        body = re.sub(
            rb"(reviews|istio-system|Kubernetes\b|kubelet|default)",
            rb"\1" + raw.encode().replace(b"\\", rb"\\"),
            bundle[path],
        )
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
    return root


def test_no_command_is_forgotten():
    named = {run.split()[0] for run in RUNS}
    assert set(COMMANDS) - set(SHORT) - named <= {"collect", "replay", "fleet", "redact", "reveal", "merge", "open"}


@pytest.mark.parametrize("words", RUNS)
def test_nothing_raw(words: str, hostile: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    pod = next(
        path.name for path in (hostile / "proxies" / "bookinfo").iterdir() if path.name.startswith("productpage")
    )
    line = words.format(b=hostile, s=SAMPLE, pod=f"{pod}.bookinfo", t=tmp_path / "t.tar.zst")
    code = main(line.split(" "))
    out, err = capfd.readouterr()
    text = out + err
    ours = re.sub(
        "\x1b\\[(?:1;31mError|33mWarning|32m\u2714|31m\u2718|[0-9;]*m(?=[^\x1b]*\x1b\\[0m))|\x1b\\[0m", "", text
    )
    assert code in (0, 1, 2, 79)
    assert text
    assert not ODD.search(
        ours if "--color" in words or "check-inject" in words else text.replace("\x1b[31m\u2718\x1b[0m", "")
    )
