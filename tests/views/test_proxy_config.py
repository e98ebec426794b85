"""proxy-config against what istioctl 1.29.6 printed of the same dump, and what it cannot be asked."""

import json
import shlex
from pathlib import Path

import pytest

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.mesh import Mesh

HERE = Path(__file__).parent / "istioctl"
ANSWERS = json.loads((HERE / "answers.json").read_text())
DUMP = (HERE / "config_dump.json").read_bytes()
STARTED = json.dumps({"format": 1, "tool": "test", "started": "2026-11-21T12:00:00Z"})


def mesh(**entries: bytes | str) -> dict[str, Mesh]:
    """A bundle of one proxy, web-1.shop, with these pages."""
    pages = {f"proxies/shop/web-1/{name.replace('__', '.')}": body for name, body in entries.items()}
    return {"B": Mesh(Bundle.from_entries({"bundle.json": STARTED, **pages}))}


def run(capsys: pytest.CaptureFixture[str], *words: str, known: object = None) -> tuple[int, str, str]:
    code = main(["proxy-config", *words], known)
    told = capsys.readouterr()
    return code, told.out, told.err


LOOSE = [words for words in ANSWERS if words != "secret -o short" and not words.startswith("all")]


@pytest.mark.parametrize("words", LOOSE)
def test_a_loose_file_parse_selector_istioctl_reads_it(words: str, capsys: pytest.CaptureFixture[str]):
    word, *rest = shlex.split(words)
    file = HERE / ("clusters.json" if word == "endpoint" else "config_dump.json")
    assert run(capsys, word, str(file), *rest) == (0, ANSWERS[words], "")


@pytest.mark.parametrize("words", [words for words in ANSWERS if words not in LOOSE])
def test_certificates_are_valid_as_of_the_recording(words: str, capsys: pytest.CaptureFixture[str]):
    word, *rest = shlex.split(words)
    known = mesh(config_dump__json=DUMP)
    assert run(capsys, word, "B", "web-1.shop", *rest, known=known) == (0, ANSWERS[words], "")


def test_from_a_bundle_only_what_the_mask_asks_for(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json=DUMP)
    code, out, _ = run(capsys, "bootstrap", "B", "web-1.shop", known=known)
    assert (code, "lastUpdated" in out) == (0, False)
    code, out, _ = run(capsys, "s", "B", "web-1.shop", "-ojson", known=known)
    assert (code, list(json.loads(out))) == (0, ["dynamicActiveSecrets", "dynamicWarmingSecrets"])


def test_all_as_json_is_the_dump_itself(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json=DUMP)
    assert run(capsys, "a", "B", "web-1.shop", "-o", "json", known=known) == (0, DUMP.decode() + "\n", "")


def test_the_only_proxy_needs_no_name(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json=DUMP)
    assert run(capsys, "clusters", "B", known=known) == (0, ANSWERS["cluster -o short"], "")


MISSING = "config dump has no configuration type type.googleapis.com/envoy.admin.v3."
EMPTY = [
    ("cluster", f"{MISSING}ClustersConfigDump"),
    ("listener", f"listener dump: {MISSING}ListenersConfigDump"),
    ("route", f"{MISSING}RoutesConfigDump"),
    ("ecds", f"{MISSING}EcdsConfigDump"),
    ("bootstrap", f"{MISSING}BootstrapConfigDump"),
    ("secret", f"{MISSING}SecretsConfigDump"),
]


@pytest.mark.parametrize(("word", "error"), EMPTY)
def test_a_section_that_is_absent(word: str, error: str, capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json='{"configs": []}')
    assert run(capsys, word, "B", "web-1.shop", known=known) == (1, "", f"Error: {error}\n")


def test_a_dump_without_endpoints_has_none(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json='{"configs": []}')
    code, out, err = run(capsys, "eds", "B", "web-1.shop", known=known)
    assert (code, out) == (0, "NAME     STATUS     LOCALITY     CLUSTER\n")
    assert err == "Note: the dump has no endpoints: it was asked for without include_eds\n"


NOTHING = [
    ("cluster", "Clusters", "no clusters found"),
    ("listener", "Listeners", "no listeners found"),
    ("route", "Routes", "no routes found"),
]


@pytest.mark.parametrize(("word", "section", "error"), NOTHING)
def test_a_section_without_resources(word: str, section: str, error: str, capsys: pytest.CaptureFixture[str]):
    dump = {"configs": [{"@type": f"type.googleapis.com/envoy.admin.v3.{section}ConfigDump"}]}
    known = mesh(config_dump__json=json.dumps(dump))
    assert run(capsys, word, "B", "web-1.shop", known=known) == (1, "", f"Error: {error}\n")


def test_no_secrets(capsys: pytest.CaptureFixture[str]):
    dump = {"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.SecretsConfigDump"}]}
    known = mesh(config_dump__json=json.dumps(dump))
    expected = (0, "No active or warming secrets found.\n", "")
    assert run(capsys, "secret", "B", "web-1.shop", known=known) == expected


def test_a_filter_that_matches_nothing(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json=DUMP)
    code, out, err = run(capsys, "cluster", "B", "web-1.shop", "--fqdn", "nosuch", known=known)
    assert (code, out, err) == (
        0,
        "SERVICE FQDN     PORT     SUBSET     DIRECTION     TYPE     DESTINATION RULE\n",
        "",
    )
    assert run(capsys, "cluster", "B", "--fqdn", "nosuch", "-o", "yaml", known=known) == (0, "[]\n\n", "")


def test_a_damaged_dump_is_told(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json=DUMP[:5000])
    code, out, err = run(capsys, "cluster", "B", "web-1.shop", known=known)
    assert (code, out) == (1, "")
    assert err.startswith("Error: proxies/shop/web-1/config_dump.json: no config dump: ")


def test_a_page_that_was_not_recorded_is_told_with_the_reason(capsys: pytest.CaptureFixture[str]):
    gap = {
        "path": "proxies/shop/web-1/config_dump.json",
        "target": "envoy",
        "request": "GET",
        "status": 503,
        "reason": "connection refused",
    }
    manifest = json.dumps({"format": 1, "entries": [], "gaps": [gap]})
    bundle = Bundle.from_entries({"manifest.json": manifest, "proxies/shop/web-1/stats.txt": ""})
    code, out, err = run(capsys, "route", "B", "web-1.shop", known={"B": Mesh(bundle)})
    assert (code, out) == (1, "")
    assert "connection refused" in err


def test_levels_are_shown_not_changed(capsys: pytest.CaptureFixture[str]):
    known = mesh(config_dump__json=DUMP, logging__txt="active loggers:\n  admin: warning\n")
    expected = (0, "web-1.shop:\nactive loggers:\n  admin: warning\n", "")
    assert run(capsys, "log", "B", "web-1.shop", known=known) == expected
    code, out, _ = run(capsys, "log", "B", "web-1.shop", "--level", "debug", known=known)
    assert (code, out) == (2, "")


def test_levels_not_recorded_say_how_envoy_was_started(capsys: pytest.CaptureFixture[str]):
    options = {"command_line_options": {"log_level": "warning", "component_log_level": "misc:error"}}
    known = mesh(server_info__json=json.dumps(options))
    code, out, err = run(capsys, "log", "B", "web-1.shop", known=known)
    assert (code, out) == (1, "")
    assert "started with --log-level warning --component-log-level misc:error" in err


def test_roots_are_compared(capsys: pytest.CaptureFixture[str]):
    def dump(*pems: str) -> str:
        inline = {"inline_bytes": "".join(pems)}
        secret = {"name": "ROOTCA", "secret": {"validation_context": {"trusted_ca": inline}}}
        kind = "type.googleapis.com/envoy.admin.v3.SecretsConfigDump"
        return json.dumps({"configs": [{"@type": kind, "dynamic_active_secrets": [secret]}]})

    pems = []
    for _ in range(2):
        import base64

        from bugbundle.certificates import self_signed

        pems.append(base64.b64encode(self_signed(["root.example"])[0]).decode())
    pages = {"a": dump(pems[0]), "b": dump(pems[1]), "c": dump(pems[0]), "d": '{"configs": []}'}
    bundle = Bundle.from_entries({f"proxies/ns/{pod}/config_dump.json": body for pod, body in pages.items()})
    known = {"B": Mesh(bundle)}
    code, out, err = run(capsys, "rootca-compare", "B", "a.ns", "c.ns", known=known)
    assert (code, out) == (0, "")
    assert err.startswith("Both [a.ns] and [c.ns] have the identical ROOTCA")
    code, out, err = run(capsys, "rc", "B", "a.ns", "b.ns", known=known)
    assert (code, out) == (1, "")
    assert "[b.ns] have the non identical ROOTCA" in err
    assert run(capsys, "rc", "B", "a.ns", "d.ns", known=known)[0] == 1


@pytest.mark.parametrize("body", ["", "[]", "null", "{", '{"configs": 5}', '{"configs": [1, null, "x"]}', "\xff"])
@pytest.mark.parametrize("word", ["all", "bootstrap", "cluster", "ecds", "eds", "listener", "route", "secret"])
def test_odd_dumps_give_an_error_not_a_crash(word: str, body: str, capsys: pytest.CaptureFixture[str]):
    code, _, err = run(capsys, word, "B", "web-1.shop", known=mesh(config_dump__json=body))
    assert (code, err.startswith("Error: ")) == (1, True)


ODD = [None, 5, "x", [], [1], {}, {"name": 5}, {"cluster": {"name": None, "metadata": []}}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("style", ["short", "json", "yaml"])
@pytest.mark.parametrize("word", ["bootstrap", "cluster", "ecds", "eds", "listener", "route", "secret"])
def test_odd_members_give_an_answer(word: str, style: str, odd: object, capsys: pytest.CaptureFixture[str]):
    def spoil(value: object, depth: int) -> object:
        if isinstance(value, dict):
            return {k: odd if depth == 3 and k != "@type" else spoil(v, depth + 1) for k, v in value.items()}
        return [spoil(item, depth) for item in value] if isinstance(value, list) else value

    body = json.dumps({"configs": spoil(json.loads(DUMP)["configs"], 0)})
    code, _, err = run(capsys, word, "B", "web-1.shop", "-o", style, known=mesh(config_dump__json=body))
    assert code == 0 or err.startswith("Error: ")
