"""Every recorded answer of istioctl against ours: capture × command, byte for byte.

    python tools/parity.py [CAPTURE …] [--only pc_cluster] [--show N] [--write]

Each capture's `istioctl/index.json` has the argv, exit code and stderr of every answer. The words behind `istioctl`
go to `bugbundle` as they are, with the bundle behind the subcommand; stdout and exit code are compared. A difference
is `explained` where a reason in parity_reasons.py recognises it (docs/parity.md).
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

import captures  # noqa: E402
import click  # noqa: E402
from parity_reasons import Case, explain  # noqa: E402

from bugbundle.bundle import open_bundle  # noqa: E402
from bugbundle.cli import cli, main  # noqa: E402
from bugbundle.mesh import Mesh  # noqa: E402

EXPECTED = ROOT / "tests" / "parity" / "expected.json"
OUTCOMES = ("equal", "explained", "differs", "unsupported")
BUNDLE = "BUNDLE"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one answer: `reason` is the key of what explains a difference."""

    capture: str
    file: str
    command: str
    outcome: str
    reason: str = ""
    case: Case | None = None


def our_words(words: tuple[str, ...]) -> list[str] | None:
    """`proxy-config cluster POD -o json` → `proxy-config cluster BUNDLE POD -o json`; None where we lack it."""
    rest = list(words[1:] if words[:1] in (("experimental",), ("x",)) else words)
    head: list[str] = []
    command: click.Command | None = cli
    with click.Context(cli) as context:
        while isinstance(command, click.Group):
            if not rest:
                return None
            command = command.get_command(context, rest[0])
            head.append(rest.pop(0))
    return [*head, BUNDLE, *rest] if command is not None else None


def answer(mesh: Mesh, words: list[str]) -> tuple[str, int, str]:
    """stdout, exit code and stderr of one command of ours, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words, {BUNDLE: mesh})
    return out.getvalue(), code, err.getvalue()


def results(folder: Path, only: str = "", every: int = 1) -> Iterator[Result]:
    """The outcome of every answer of one capture whose file's name starts with `only`."""
    index = json.loads((folder / "istioctl" / "index.json").read_text())
    mesh = Mesh(open_bundle(folder / "bundle"))
    for number, (file, told) in enumerate(sorted(index.items())):
        if file.startswith(only) and number % every == 0:
            yield _result(folder, mesh, file, told)


def _result(folder: Path, mesh: Mesh, file: str, told: dict[str, object]) -> Result:
    words = tuple(map(str, told["argv"][1:]))  # type: ignore[index]
    ours = our_words(words)
    if ours is None:
        return Result(folder.name, file, " ".join(words[-1:]), "unsupported")
    command = " ".join(ours[: ours.index(BUNDLE)])
    expected = (folder / "istioctl" / file).read_bytes().decode("utf-8", "surrogateescape")
    code = int(str(told["rc"]))
    got, our_code, error = answer(mesh, ours)
    if (got, our_code) == (expected, code):
        return Result(folder.name, file, command, "equal")
    case = Case(words, expected, code, str(told["stderr"]), got, our_code, error)
    reason = explain(case)
    return Result(folder.name, file, command, "explained" if reason else "differs", reason, case)


def table(rows: Iterable[Result]) -> str:
    """Capture × command: how many of each outcome, then the explained ones by reason."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    reasons: Counter[tuple[str, str]] = Counter()
    for row in rows:
        for key in ((row.capture, row.command), ("all", row.command), ("all", "all")):
            counts.setdefault(key, Counter())[row.outcome] += 1
        if row.reason:
            reasons[row.reason, row.command] += 1
    lines = [("CAPTURE", "COMMAND", *map(str.upper, OUTCOMES))]
    order = sorted(counts, key=lambda key: (key[0] == "all", key[0], key[1] == "all", key[1]))
    lines += [(*key, *(str(counts[key][outcome] or "-") for outcome in OUTCOMES)) for key in order]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    shown = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    shown += ["", *(f"{count:5}  {reason}  {command}" for (reason, command), count in sorted(reasons.items()))]
    return "\n".join(shown)


def expectation(rows: Iterable[Result]) -> dict[str, dict[str, object]]:
    """What the test holds us to, by capture: how often each reason explains, and what nothing explains."""
    found: dict[str, dict[str, object]] = {}
    for row in rows:
        mine = found.setdefault(row.capture, {"explained": {}, "differs": [], "unsupported": []})
        if row.outcome == "explained":
            counts = cast("dict[str, int]", mine["explained"])
            key = f"{row.command}: {row.reason}"
            counts[key] = counts.get(key, 0) + 1
        elif row.outcome != "equal":
            cast("list[str]", mine[row.outcome]).append(row.file)
    return found


def difference(row: Result, lines: int = 40) -> str:
    """A unified diff of the two answers, cut."""
    case = row.case
    assert case is not None
    words = " ".join(case.words)
    head = f"=== {row.capture}: istioctl {words}\n    exit code {case.expected_code}, ours {case.code}"
    told = f"    stderr {case.expected_error.strip()[:300]!r}, ours {case.error.strip()[:300]!r}"
    diff = difflib.unified_diff(
        case.expected.splitlines()[:20000], case.got.splitlines()[:20000], "istioctl", "bugbundle", lineterm="", n=1
    )
    return "\n".join([head, told, *(line[:300] for line, _ in zip(diff, range(lines), strict=False))])


def run(argv: list[str]) -> int:
    """The command; exit code 1 where anything differs unexplained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("captures", nargs="*", default=captures.NAMES)
    parser.add_argument("--only", default="", help="answers whose file's name starts so: pc_cluster, ps, zc_")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="diffs of the first N that differ")
    parser.add_argument("--reason", default="", help="with --show: diffs that this reason explains")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth answer only")
    parser.add_argument("--write", action="store_true", help=f"write {EXPECTED.relative_to(ROOT)}")
    given = parser.parse_args(argv)
    found: list[Result] = []
    for name in given.captures:
        found += results(captures.folder(name), given.only, given.every)
        print(f"{name}: {len(found)}", file=sys.stderr)
    print(table(found))
    if given.write:
        EXPECTED.write_text(json.dumps(expectation(found), indent=1) + "\n")
    wanted = [row for row in found if row.case and (row.reason == given.reason)]
    for row in wanted[: given.show]:
        print(difference(row))
    return 1 if any(row.outcome == "differs" for row in found) else 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
