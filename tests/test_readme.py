"""The pages that people read first tell the truth: commands run and print what is shown, tables and links are complete.

A `console` block shows commands behind `$ ` and what they print, stdout and stderr together; `…` stands for text that
was left out, alone on a line for whole lines. A command without output must only run; one that shows `Error` must fail,
or find Errors. A `sh` block shows commands alone. A sample plays the cluster of `collect`. All run in one folder, in
the order of the page.
"""

from __future__ import annotations

import functools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from test_floors import DOORS, FLOORS, MODULES

from bugbundle import __version__
from bugbundle.bundle import Bundle
from bugbundle.cli import COMMANDS, SHORT
from bugbundle.mesh import Mesh
from bugbundle.rules import run
from bugbundle.rules.model import RULES

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
SAMPLES = (ROOT / "sample_bundles" / "README.md").read_text("utf-8")
PAGES = sorted(path for folder in (".", "docs", "sample_bundles") for path in (ROOT / folder).glob("*.md"))
CLUSTER = "sample_bundles/missing-subset.tar.zst"
ACTIVATE = ". .venv/bin/activate"
"""Gives the environment in which the tests run already."""
FINDINGS = 79


class Shown(NamedTuple):
    """A command on a page, the line on which it stands, and the output shown (empty: none is)."""

    line: int
    command: str
    output: str


def commands(page: str) -> Iterator[Shown]:
    """Every command of every `console` and `sh` block, in order."""
    for block in re.finditer(r"^```(console|sh)\n(.*?)^```$", page, re.M | re.S):
        start = page.count("\n", 0, block.start(2)) + 1
        shape = r"^\$ (.*)\n((?:(?!\$ ).*\n)*)" if block[1] == "console" else r"^(.+?)(?:  +#.*)?\n()"
        for found in re.finditer(shape, block[2], re.M):
            yield Shown(start + block[2].count("\n", 0, found.start()), found[1], found[2])


def pattern(shown: str) -> str:
    """The regular expression of an output: word for word, but for `…` and for an age at the end of a line."""
    lines = shown.rstrip("\n").split("\n")
    words = [".*".join(map(re.escape, line.split("…"))) for line in lines]
    words = [re.sub(r"(?<![^ ])\d+s$", r"[\\dms]+", word) for word in words]
    return "".join(r"(?:.*\n)*?" if line == "…" else word + r" *\n" for line, word in zip(lines, words, strict=True))


MADE = [shown for shown in commands(README) if shown.command.startswith("make ")]
TO_RUN = [shown for shown in commands(README) if shown not in MADE and shown.command != ACTIVATE]


class Tour:
    """Commands run in one folder, each once and not before those above it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._done: list[subprocess.CompletedProcess[str] | None] = []
        (folder / "sample_bundles").symlink_to(ROOT / "sample_bundles")
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        self._environment = {**os.environ, "HOME": str(folder), "PATH": path, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"}

    def result(self, number: int) -> subprocess.CompletedProcess[str] | None:
        """What came of a command of `TO_RUN`; None where a program that it needs is not on this machine."""
        while len(self._done) <= number:
            self._done.append(self.run(TO_RUN[len(self._done)].command))
        return self._done[number]

    def run(self, command: str) -> subprocess.CompletedProcess[str] | None:
        """One command as a shell would run it, stderr with stdout."""
        argv = shlex.split(command)
        needed = argv[argv.index("--") + 1] if "--" in argv else argv[0]
        if shutil.which(needed, path=self._environment["PATH"]) is None:
            return None
        if argv[:2] == ["bugbundle", "collect"]:
            argv = ["bugbundle", "replay", CLUSTER, "--", *argv]
        return subprocess.run(
            argv, cwd=self._folder, env=self._environment, check=False, text=True, encoding="utf-8", timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Tour:
    return Tour(tmp_path_factory.mktemp("readme"))


@pytest.mark.parametrize("number", range(len(TO_RUN)), ids=[f"line {shown.line}" for shown in TO_RUN])
def test_commands_print_what_is_shown(tour: Tour, number: int) -> None:
    shown, result = TO_RUN[number], tour.result(number)
    if result is None:
        pytest.skip(f"a program of `{shown.command}` is not on this machine")
    if shown.output.startswith("Error"):
        assert result.returncode != 0
    else:
        finds = shown.command.startswith("bugbundle analyze")
        assert result.returncode in ((0, FINDINGS) if finds else (0,)), result.stdout[-2000:]
    if shown.output:
        assert re.fullmatch(pattern(shown.output), result.stdout), f"{shown.command}\n{result.stdout[:6000]}"


def test_the_tour_meets_every_user() -> None:
    words = {shown.command.split()[1] for shown in TO_RUN if shown.command.startswith("bugbundle ")}
    assert words >= {"collect", "info", "report", "analyze", "proxy-status", "proxy-config", "replay"}


def test_set_up_is_two_targets_of_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert [shown.command for shown in MADE] == ["make demo", "make test"]
    assert {"demo", "test"} <= set(targets)


def rows(page: str, title: str) -> list[list[str]]:
    """The cells of the table whose first title is `title`."""
    table = re.search(rf"^\| {title} \|.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.M)
    assert table
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[1].splitlines()]


def test_table_of_commands() -> None:
    words = [code.split()[0] for row in rows(README, "command") for code in re.findall(r"`([^`]+)`", row[0])]
    assert len(words) == len(set(words))
    assert set(COMMANDS) - set(SHORT) <= set(words) <= set(COMMANDS)


ROWS = rows(SAMPLES, "sample")


def test_every_sample_has_its_row() -> None:
    there = sorted(path.name.removesuffix(".tar.zst") for path in (ROOT / "sample_bundles").glob("*.tar.zst"))
    assert sorted(row[0].strip("`") for row in ROWS) == there


@pytest.mark.parametrize("row", ROWS, ids=[row[0].strip("`") for row in ROWS])
def test_samples_are_what_their_row_says(tour: Tour, row: list[str]) -> None:
    name, diagnosis, command = row[0].strip("`"), row[2].strip("`"), row[3].strip("`")
    said = tour.run(f"bugbundle analyze sample_bundles/{name}.tar.zst --format json")
    assert said is not None
    codes = [found["code"] for found in json.loads(said.stdout)["diagnoses"]]
    assert (codes[0] if codes else "none") == diagnosis
    assert f"sample_bundles/{name}.tar.zst" in command
    tried = tour.run(command)
    assert tried is not None
    assert (tried.returncode, bool(tried.stdout)) == (0, True), tried.stdout


@pytest.mark.parametrize("page", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", without_blocks(page)):
        path, _, heading = target.partition("#")
        to = page.parent / path if path else page
        if "://" not in target and (not to.exists() or (heading and heading not in headings(to))):
            dead.append(target)
    assert dead == []


def without_blocks(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)


@functools.cache
def headings(page: Path) -> set[str]:
    """The anchors of a page, as they are made on the forges: lower case, no punctuation, dashes for blanks."""
    titles = re.findall(r"^#+ (.*)$", without_blocks(page), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", [ARCHITECTURE, CONTRIBUTING], ids=["architecture", "contributing"])
def test_files_that_are_named_are_there(page: str) -> None:
    named = set(re.findall(r"`((?:[\w.]+/)*(?:\w+\.(?:py|json)|[\w.]+/))`", page))
    there = [f"/{path.relative_to(ROOT).as_posix()}" for glob in ("*", "[!.]*/**/*") for path in ROOT.glob(glob)]
    there += [f"{path}/" for path in there if "." not in path]
    assert len(named) > 10
    assert [
        name for name in sorted(named) if "718" not in name and not any(p.endswith(f"/{name}") for p in there)
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=[str(path.relative_to(ROOT)) for path in PAGES])
def test_targets_that_are_named_are_in_the_makefile(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))) <= targets


def test_the_changelog_knows_this_version() -> None:
    newest = re.findall(r"^## \[Unreleased\]\n\n(?:To be ([\d.]+\d))?|^## \[([\d.]+)\]", CHANGELOG, re.M)
    assert __version__ in [version for found in newest[:2] for version in found]


def test_the_rule_that_contributing_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    code, path, listed, expected = re.findall(
        r"^```python\n(.*?)^```|^fires/(k8s/\S+)|^```json\n(.*?)^```|^(\w+ \[[^\n]*)$", CONTRIBUTING, re.M | re.S
    )
    name = re.findall(r'^    "(BB\d+)",$', code[0], re.M)[0]
    monkeypatch.delitem(RULES, name, raising=False)
    exec(compile(code[0], "CONTRIBUTING.md", "exec", dont_inherit=True), {})
    added = RULES.pop(name)
    found = run(Mesh(Bundle.from_entries({path[1]: listed[2]})), [added])
    assert [finding.line for finding in found.findings] == [expected[3]]
    assert (found.broken, bool(added.section("Why it matters")), bool(added.section("What to do"))) == ([], True, True)


def test_floors_and_doors_are_those_of_the_house() -> None:
    told = rows(ARCHITECTURE, "floor")
    rooms = {
        name.removesuffix(".py").rstrip("/"): int(row[0]) for row in told for name in re.findall(r"`(.+?)`", row[1])
    }
    assert rooms == FLOORS
    doors: dict[str, set[str]] = {}
    for packages, where, _ in rows(ARCHITECTURE, "package"):
        for package in packages.lower().split(", "):
            doors[MODULES.get(package, package)] = set(re.findall(r"`(.+?)`", where))
    assert doors == DOORS
