"""Every door to the outside: a folder that holds secrets shows none, by whatever command."""

# ruff: noqa: E501  (an entry a line)

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from bugbundle.bundle import Bundle, BundleWriter, Entry, Gap, Header, open_bundle
from bugbundle.clean import CleanStore, cleaned, open_clean
from bugbundle.cli import main
from bugbundle.redact.gate import Gate

SECRET = "Zq7abcDEF9xkWm4Tt1"
ENTRIES = {
    "bundle.json": json.dumps({"format": 1, "tool": "other"}),
    "manifest.json": json.dumps({"format": 1, "entries": [], "gaps": [{"path": "x", "reason": f"said password={SECRET}"}]}),
    "k8s/api/v1/secrets.json": json.dumps(
        {"kind": "SecretList", "items": [{"metadata": {"name": "s"}, "data": {"v": base64.b64encode(SECRET.encode()).decode()}}]}
    ),
    "k8s/api/v1/pods.json": json.dumps(
        {"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "p", "namespace": "a", "annotations": {"note": f"uses {SECRET} here"}},
         "status": {"phase": "Failed", "message": f"copy {SECRET} is wrong"}}]}
    ),
    "k8s/api/v1/events.json": json.dumps(
        {"kind": "EventList", "apiVersion": "v1", "items": [{"metadata": {"name": "e", "namespace": "a"}, "type": "Warning", "reason": "Failed",
         "message": f"login with {SECRET} failed", "involvedObject": {"kind": "Pod", "name": "p", "namespace": "a"}}]}
    ),
    "logs/a/p/c.log": f"2026-11-21T01:28:00Z error tried {SECRET}\n",
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path, body in ENTRIES.items():
        target = tmp_path / "b" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(body)
    return tmp_path / "b"


@pytest.mark.parametrize(
    "words",
    ["analyze {b} --format json", "analyze {b}", "report {b} -o -", "symptoms {b}", "info {b} --format json", "compare {b} {b}"],
)  # fmt: skip
def test_no_command_prints_a_copy(words: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(words.format(b=folder).split())
    out, err = capfd.readouterr()
    assert SECRET not in out + err
    assert out


def test_every_entry_is_read_clean(folder: Path) -> None:
    bundle = open_clean(folder)
    assert not [path for path in bundle if SECRET.encode() in bundle[path]]
    assert not [path for path in bundle if SECRET.encode() in b"".join(bundle.store.chunks(path))]
    assert SECRET not in bundle.gaps["x"].reason


def test_a_written_bundle_is_read_as_it_is_and_its_folder_too(folder: Path, tmp_path: Path) -> None:
    with BundleWriter(tmp_path / "w.tar.zst", Header(1, "bugbundle 0", None), Gate()) as writer:
        writer.add(Entry("logs/a/p/c.log", 0, target="t"), b"password=" + SECRET.encode() + b"\n")
    written = open_bundle(tmp_path / "w.tar.zst")
    assert cleaned(written) is written
    unpacked = {path: written[path] for path in written}
    again = cleaned(Bundle.from_entries(unpacked))
    assert isinstance(again.store, CleanStore)
    assert {path: again[path] for path in again} == unpacked
    unpacked["logs/a/p/c.log"] += b"token=" + SECRET.encode() + b"\n"  # somebody added to it
    assert SECRET.encode() not in cleaned(Bundle.from_entries(unpacked))["logs/a/p/c.log"]


def test_a_gap_tells_no_secret() -> None:
    bundle = Bundle.from_entries(ENTRIES)
    assert isinstance(cleaned(bundle).gaps["x"], Gap)
