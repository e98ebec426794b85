"""Unmodified clients on replayed captures: every recorded command of istioctl and kubectl, run again.

    python tools/replay_parity.py [CAPTURE …] [--archive] [--only proxy-config] [--every N] [--show]

The real programs run against one long-lived replay of each capture's unpacked folder, or with --archive of the bundle
made from it; stdout and exit code are held against what they said live. `explained`: alike after what differs by the
clock or by chance is set aside, and for the reasons in parity_reasons.py (docs/replay.md). istioctl is found by
ISTIOCTL or on the PATH.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

import captures  # noqa: E402
from parity_reasons import Case, explain  # noqa: E402

from bugbundle.bundle import open_bundle  # noqa: E402
from bugbundle.convert import convert  # noqa: E402
from bugbundle.replay import Address  # noqa: E402
from bugbundle.replay.session import session  # noqa: E402

PROGRAMS = {"istioctl": os.environ.get("ISTIOCTL") or shutil.which("istioctl"), "kubectl": shutil.which("kubectl")}
SECONDS = 60

_VARYING = (
    (re.compile(r"https?://[\d.]+:\d+"), "URL"),
    (re.compile(r"\b(?:\d+(?:\.\d+)?(?:ms|[dhmsy]))+\b( ago)?"), "AGE"),
    (re.compile(r"-{3,}"), "---"),
    (re.compile(r"\s+"), " "),
)
"""Addresses, ages by the reader's clock, and the widths that follow from them."""
_LOG = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z\t\w+\t")
"""A line of the client's own log, which istioctl writes among its answers: one or two of a port-forward that failed,
in the kubelet's words."""


def normal(text: str) -> list[str]:
    """Lines without what varies from one run of the same command to the next."""
    lines = []
    for line in text.splitlines():
        if _LOG.match(line):
            continue
        for pattern, word in _VARYING:
            line = pattern.sub(word, line)
        lines.append(line.strip())
    return sorted(lines)


def verdict(case: Case) -> str:
    """`equal`, `explained: WHY` or `differs`."""
    if (case.expected, case.expected_code) == (case.got, case.code):
        return "equal"
    if case.expected_code == case.code and normal(case.expected) == normal(case.got):
        return "explained: clock or order"
    if case.words[1:2] == ("log",) and "unexpected status code: 404" in case.error:
        return "explained: levels not recorded"
    if case.words[-1] == "precheck" and all("[IST0141]" in line for line in case.got.splitlines() if line.strip()):
        return "explained: rights of a recording"
    if case.words[:2] in (("auth", "can-i"), ("config", "view")):
        return "explained: rights and name of a recording"
    reason = explain(case)
    return f"explained: {reason}" if reason else "differs"


def run(words: list[str], environment: dict[str, str]) -> tuple[str, int, str]:
    """stdout, exit code and stderr of a real program; code 124 where it did not end in time."""
    try:
        done = subprocess.run(
            words, env={**os.environ, **environment}, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return "", 124, "did not end in time"
    return done.stdout.decode(errors="replace"), done.returncode, done.stderr.decode(errors="replace")


def cases(folder: Path, environment: dict[str, str], only: str, every: int) -> Iterator[Case]:
    """Every recorded command of one capture, run again."""
    for name, program in PROGRAMS.items():
        index = folder / name / "index.json"
        if program is None or not index.is_file():
            continue
        rows = sorted(json.loads(index.read_text()).items())
        chosen = [(file, told) for file, told in rows if " ".join(told["argv"][1:]).startswith(only)]
        for file, told in chosen[::every]:
            words = told["argv"][1:]
            got, code, error = run([program, *words], environment)
            expected = (folder / name / file).read_text(errors="replace")
            yield Case(tuple(words), expected, told["rc"], told["stderr"], got, code, error)


def sweep(name: str, options: argparse.Namespace) -> Counter[str]:
    """One capture: the count of each outcome; differing commands are printed."""
    folder = captures.folder(name)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        place = folder / "bundle"
        if options.archive:
            place = convert(open_bundle(place), Path(scratch) / "bundle.tar.zst")
        with session(open_bundle(place), Address()) as environment:
            for case in cases(folder, environment, options.only, options.every):
                outcome = verdict(case)
                found[outcome] += 1
                if outcome == "differs":
                    print(f"  {name}: {' '.join(case.words)}: exit {case.expected_code}, here {case.code}")
                    if options.show:
                        print(f"    live: {case.expected[:300]!r} {case.expected_error[:200]!r}")
                        print(f"    here: {case.got[:300]!r} {case.error[:200]!r}", flush=True)
    return found


def main() -> int:
    """Print the table; exit code 1 where a command differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("captures", nargs="*", default=[])
    parser.add_argument("--archive", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    missing = [name for name, program in PROGRAMS.items() if program is None]
    if missing:
        print(f"not on this machine, left out: {', '.join(missing)}", file=sys.stderr)
    differing = 0
    for name in options.captures or captures.NAMES:
        found = sweep(name, options)
        differing += found["differs"]
        reasons = ", ".join(f"{number} {key}" for key, number in sorted(found.items()) if key.startswith("explained"))
        total, equal = sum(found.values()), found["equal"]
        print(f"{name:24} {total:4} asked {equal:4} equal {found['differs']:3} differ  {reasons}", flush=True)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
