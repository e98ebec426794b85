"""`bugbundle trace`: what it prints, and what it says to bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from captures import sample

from bugbundle.cli import main

HEALTHY = str(sample("healthy"))


def said(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["trace", HEALTHY, *words])
    seen = capsys.readouterr()
    return code, seen.out, seen.err


def test_a_ladder_is_at_most_100_columns_wide(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "toolbox.shop", "http://reviews.bookinfo:9080/x")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    assert "by VirtualService bookinfo/reviews" in out
    assert out.splitlines()[-2].startswith("DELIVERED: port 9080 of bookinfo/reviews-v1-")


def test_json_is_format_1(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "toolbox.shop", "http://web/api", "--format", "json", "-H", "x-a: b")
    found = json.loads(out)
    assert (code, found["format"], found["ending"], found["request"]["headers"]) == (0, 1, "DELIVERED", {"x-a": "b"})
    assert set(found["steps"][0]) == {"at", "decision", "resource", "object", "expects"}


def test_mermaid_is_a_sequence_diagram(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "toolbox.shop", "http://web/api", "-o", "mermaid")
    lines = out.splitlines()
    assert lines[0] == "sequenceDiagram"
    assert all(line.startswith(("    participant p", "    p", "    Note over p")) for line in lines[1:])


def test_policies_of_a_file_are_tried(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "deny.yaml"
    file.write_text(
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: none, namespace: shop}\n"
        "spec: {action: DENY, rules: [{}]}\n"
    )
    _, out, _ = said(capsys, "toolbox.shop", "http://web/api", "--with", str(file))
    assert "DENIED (403)" in out
    code, _, err = said(capsys, "toolbox.shop", "http://web/api", "--with", __file__)
    assert (code, len(err.splitlines())) == (2, 1)


def test_pointers_lead_into_the_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "toolbox.shop", "http://web/api", "-o", "pointers")
    assert out.startswith("k8s/api/v1/pods.json#/items/")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("toolbx.shop", "http://web/"), "Nearest: toolbox.shop"),
        (("--gateway", "nope.shop", "http://web/"), "no gateway 'nope.shop'"),
        (("toolbox.shop", "gopher://web/"), "unknown scheme 'gopher'"),
        (("http://web/",), "no sender"),
        (("a.b", "c", "http://web/"), "too many words"),
    ],
)
def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], text: str) -> None:
    code, out, err = said(capsys, *words)
    assert (code in (1, 2), out) == (True, "")
    assert text in err
    assert len(err.splitlines()) == 1
