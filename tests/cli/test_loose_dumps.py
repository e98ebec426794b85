"""One loose dump in place of a bundle: named, with --file, on stdin; and what is told of the wrong one."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from bugbundle.cli import main

CLUSTER = {
    "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
    "name": "outbound|80||web.shop",
    "type": "EDS",
}
ENVOY = {
    "configs": [
        {
            "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump",
            "dynamic_active_clusters": [{"cluster": CLUSTER}],
        }
    ]
}
TABLE = (
    "SERVICE FQDN     PORT     SUBSET     DIRECTION     TYPE     DESTINATION RULE\n"
    "web.shop         80       -          outbound      EDS      \n"
)
PAGES = {
    "configs": ENVOY,
    "cluster_statuses": {"cluster_statuses": []},
    "workloads": {"workloads": []},
    "items": {"items": []},
}


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def dump(tmp_path: Path) -> str:
    file = tmp_path / "dump.json"
    file.write_text(json.dumps(ENVOY))
    return str(file)


def test_named_or_with_a_flag_or_on_stdin(
    dump: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([dump], ["-f", dump], ["--file", dump], ["-"], ["-f", "-"]):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(dump).read_bytes())))
        assert run(capsys, "pc", "c", *words) == (0, TABLE, "")


@pytest.mark.parametrize(
    ("command", "page", "wanted", "reader"),
    [
        ("pc cluster", "workloads", "this is a ztunnel's config dump, not Envoy's config dump", "ztunnel-config"),
        ("pc cluster", "items", "this is a list of Kubernetes objects, not Envoy's config dump", "analyze"),
        ("pc route", "cluster_statuses", "this is Envoy's clusters?format=json, not Envoy's config dump", "endpoint"),
        ("pc endpoint", "configs", "this is Envoy's config dump, not Envoy's clusters?format=json", "proxy-config"),
        ("zc workload", "configs", "this is Envoy's config dump, not a ztunnel's config dump", "proxy-config"),
        ("authz check", "workloads", "this is a ztunnel's config dump, not Envoy's config dump", "ztunnel-config"),
    ],
)
def test_another_page(
    command: str, page: str, wanted: str, reader: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "page.json"
    file.write_text(json.dumps(PAGES[page]))
    code, out, err = run(capsys, *command.split(), "-f", str(file))
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: {file}: {wanted}. It is read by `bugbundle ")
    assert reader in err


@pytest.mark.parametrize("word", ["pc cluster", "pc endpoint", "zc all", "authz check"])
def test_what_is_no_dump(word: str, dump: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    assert run(capsys, *word.split(), "-f", str(file)) == (1, "", f"Error: {file}: is no config dump: not JSON\n")
    code, _, err = run(capsys, *word.split(), "-f", str(tmp_path / "none"))
    assert (code, "No such file or directory" in err) == (1, True)
    code, _, err = run(capsys, *word.split(), "-f", dump, "web.shop")
    assert (code, err) == (2, "Error: at most one of --file or pod name must be passed\n")
    code, _, err = run(capsys, *word.split())
    assert (code, err.startswith("Error: Missing argument 'BUNDLE'")) == (2, True)
