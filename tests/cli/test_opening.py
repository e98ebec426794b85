import io
import sys

import click
import pytest

from bugbundle.bundle import Bundle
from bugbundle.cli import main
from bugbundle.cli.opening import GoCommand, loose_file, say
from bugbundle.mesh import Mesh


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], True),
        (["--verbose"], True),
        (["--verbose=true"], True),
        (["--verbose=1"], True),
        (["--verbose=false"], False),
        (["--verbose=F"], False),
        (["--verbose=false", "--verbose=TRUE"], True),
        (["--no-verbose"], False),
    ],
)
def test_boolean_flags_take_values_as_in_go(words: list[str], expected: bool):
    @click.command(cls=GoCommand)
    @click.option("--verbose/--no-verbose", default=True)
    def command(verbose: bool) -> bool:
        return verbose

    assert command.main(words, standalone_mode=False) is expected


def test_a_flag_that_only_turns_on_may_be_said_to_be_off():
    @click.command(cls=GoCommand)
    @click.option("-d", "--deep", is_flag=True)
    @click.argument("rest", nargs=-1)
    def command(deep: bool, rest: tuple[str, ...]) -> tuple[bool, tuple[str, ...]]:
        return deep, rest

    assert command.main(["--deep=false", "x"], standalone_mode=False) == (False, ("x",))
    assert command.main(["-d=true", "x", "--", "--deep=false"], standalone_mode=False) == (
        True,
        ("x", "--deep=false"),
    )
    with pytest.raises(click.UsageError, match="not a boolean"):
        command.main(["--deep=maybe"], standalone_mode=False)


def test_loose_files(tmp_path, monkeypatch: pytest.MonkeyPatch):
    dump = tmp_path / "dump.json"
    dump.write_bytes(b' \n{"configs": []}')
    other = tmp_path / "case.tar.zst"
    other.write_bytes(b"\x28\xb5\x2f\xfd....")
    assert loose_file(str(dump)) == b'{"configs": []}'
    assert [loose_file(str(path)) for path in (other, tmp_path, tmp_path / "absent")] == [None, None, None]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{}")))
    assert loose_file("-") == b"{}"


def test_colour_is_for_terminals_only(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    say("UNHEALTHY OK\n")
    assert capsys.readouterr().out == "UNHEALTHY OK\n"
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = {}
    for name in ("with", "without"):
        out = Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        say("UNHEALTHY OK\n")
        shown[name] = out.getvalue()
        monkeypatch.setenv("NO_COLOR", "1")
    assert shown == {"with": "\x1b[31mUNHEALTHY\x1b[0m OK\n", "without": "UNHEALTHY OK\n"}


def test_what_is_wrong_with_the_bundle_goes_to_stderr(tmp_path, capsys: pytest.CaptureFixture[str]):
    folder = tmp_path / "proxies" / "shop" / "web-1"
    folder.mkdir(parents=True)
    (folder / "config_dump.json").write_text('{"configs": []}')
    code = main(["pc", "cluster", str(tmp_path), "web-1.shop"])
    told = capsys.readouterr()
    assert (code, told.out) == (1, "")
    assert told.err.endswith(
        "Error: config dump has no configuration type type.googleapis.com/envoy.admin.v3.ClustersConfigDump\n"
    )


def test_a_name_is_needed_where_there_are_several(capsys: pytest.CaptureFixture[str]):
    pages = {f"proxies/shop/web-{n}/config_dump.json": "{}" for n in (1, 2)}
    known = {"B": Mesh(Bundle.from_entries(pages))}
    assert main(["pc", "cluster", "B"], known) == 2
    assert capsys.readouterr().err == "Error: a pod name is required. The bundle has 2 proxies\n"
