"""Everything but proxy-config against what istioctl 1.29.6 printed of the same made-up mesh and ztunnel."""

import json
import shlex
from pathlib import Path

import pytest

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

HERE = Path(__file__).parent / "istioctl"
ANSWERS = json.loads((HERE / "mesh_answers.json").read_text())
ZTUNNEL = json.loads((HERE / "ztunnel_answers.json").read_text())
MESH = Mesh(Bundle.from_entries(json.loads((HERE / "mesh.json").read_text())))
DIFFS = json.loads((HERE / "diffs.json").read_text())
PROXIES = Mesh(Bundle.from_entries(DIFFS["entries"]))
GROUPS = ("describe", "authz", "injector", "tag", "waypoint")


@pytest.mark.parametrize("words", ANSWERS)
def test_the_made_up_mesh_parse_selector_istioctl_reads_it(words: str, capsys: pytest.CaptureFixture[str]):
    head, *rest = shlex.split(words.removeprefix("experimental "))
    sub = [rest.pop(0)] if head in GROUPS else []
    code = main([head, *sub, "B", *rest], {"B": MESH})
    failed = words.startswith("experimental describe pod none-1") and "--ignoreUnmeshed" not in words
    assert (capsys.readouterr().out, code) == (ANSWERS[words], 1 if failed else 0)


@pytest.mark.parametrize("words", DIFFS["answers"])
def test_istiod_against_envoy_parse_selector_istioctl_reads_it(words: str, capsys: pytest.CaptureFixture[str]):
    word, proxy = words.split()
    assert main([word, "B", proxy], {"B": PROXIES}) == 0
    assert capsys.readouterr().out == DIFFS["answers"][words]


@pytest.mark.parametrize("words", ZTUNNEL)
def test_a_loose_ztunnel_dump_parse_selector_istioctl_reads_it(words: str, capsys: pytest.CaptureFixture[str]):
    word, *rest = shlex.split(words)
    assert main(["ztunnel-config", word, str(HERE / "ztunnel.json"), *rest]) == 0
    assert capsys.readouterr().out == ZTUNNEL[words]


def test_an_older_ztunnel_writes_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    dump = json.loads((HERE / "ztunnel.json").read_text())
    for name in ("workloads", "services", "policies"):
        dump[name] = {f"{name}/{number}": item for number, item in enumerate(dump[name])}
    (tmp_path / "old.json").write_text(json.dumps(dump))
    assert main(["zc", "all", str(tmp_path / "old.json")]) == 0
    assert capsys.readouterr().out == ZTUNNEL["all -o short"]


def test_the_prefix_experimental_changes_nothing(capsys: pytest.CaptureFixture[str]):
    assert main(["x", "check-inject", "B", "-n", "shop", "web-1"], {"B": MESH}) == 0
    assert capsys.readouterr().out == ANSWERS["experimental check-inject -n shop web-1"]


@pytest.mark.parametrize("words", [("pod", "web-1.shop"), ("deployment", "web.shop"), ("namespace", "shop")])
def test_check_inject_takes_a_kind_in_front(words: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    assert main(["check-inject", "B", *words], {"B": MESH}) == 0
    assert capsys.readouterr().out.startswith("WEBHOOK  REVISION")


def test_no_color_takes_the_colours_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("NO_COLOR", "1")
    assert main(["check-inject", "B", "-n", "shop", "web-1"], {"B": MESH}) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_what_the_api_server_lacks_is_told_on_stderr(capsys: pytest.CaptureFixture[str]):
    main(["describe", "service", "B", "web.shop"], {"B": MESH})
    assert capsys.readouterr().err.splitlines() == [
        "Warning: Proxy is stale; it references to non-existent destination rule gone.shop",
        "Warning: Proxy is stale; it references to non-existent virtual service lost.shop",
        "Warning: Proxy is stale; it references to non-existent gateway missing.shop",
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("describe", "pod", "B", "web.shop"), 'pods "web" not found. Nearest: web-1.shop, web-2.shop'),
        (("describe", "service", "B", "wbe.shop"), 'services "wbe" not found. Nearest: web.shop'),
        (("check-inject", "B", "-n", "nowhere", "-l", "a=b"), 'namespaces "nowhere" not found'),
        (
            ("authz", "check", "B", "web-3.shop"),
            "proxy web-3.shop is not in the bundle. Nearest: web-",
        ),
        (("zc", "all", "B"), "no ztunnel is in the bundle"),
        (("ps", "B", "-r", "nope"), "no running Istio pods of revision nope in the bundle"),
        (("remote-clusters", "B", "-r", "nope"), "unable to find any Istiod instances"),
        (
            ("admin", "log", "B"),
            "could not get scopes information: entry istiod/istio-system/istiod-1/controlz/scope.json",
        ),
        (("internal-debug", "B", "configz"), "no answer to debug/configz was recorded"),
        (("tag", "list", "B", "-o", "xml"), 'output format "xml" not supported'),
    ],
)
def test_what_is_absent_is_told(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]):
    assert main(list(words), {"B": MESH}) == 1
    out, err = capsys.readouterr()
    assert (out, told in err) == ("", True), err
