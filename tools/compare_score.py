"""How well `compare` names the cause: pairs of recordings with their truth. Needs the recordings (`make parity` too).

For each pair the first root change is held against the objects that `truth.yaml` names. The product never
reads that file.

    python tools/compare_score.py [--captures DIR] [--cases DIR] [--truth DIR] [NAME…]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from bugbundle.bundle import open_bundle
from bugbundle.compare import Comparison, Look, look
from bugbundle.compare.engine import compare_looks


class Pair(NamedTuple):
    """Two folders, and the objects of which the first root change must name one (empty: nothing to find)."""

    name: str
    before: Path
    after: Path
    wanted: list[str]
    only_signals: bool = False


def pairs(captures: Path, cases: Path, truths: Path) -> Iterator[Pair]:
    """All pairs of one lab."""
    base = captures / "healthy" / "bundle"
    for folder in sorted(captures.iterdir()):
        truth = _truth(folder / "truth.yaml")
        name = folder.name
        first = {
            "reported": captures / "reported-near-miss" / "bundle",
            "istio-1.30.3": captures / "istio-1.30.3-healthy" / "bundle",
            "istio-1.26.8": captures / "istio-1.26.8-healthy" / "bundle",
        }
        start = next((path for head, path in first.items() if name.startswith(head)), base)
        if folder / "bundle" != start:
            yield Pair(name, start, folder / "bundle", truth.get("objects") or [])
    for folder in sorted(cases.iterdir()) if cases.is_dir() else ():
        truth = _truth(truths / folder.name / "truth.yaml")
        yield Pair(f"case {folder.name}", base, folder, truth.get("first") or [])


def _truth(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) if path.is_file() else {}


def names(result: Comparison) -> list[str]:
    """The objects of the first root change, as truths write them."""
    if not result.roots:
        return []
    root = result.roots[0]
    refs = [root.object, *root.objects]
    return ["/".join(part for part in (ref.namespace, ref.kind, ref.name) if part) for ref in refs]


def named(wanted: list[str], told: list[str]) -> bool:
    """Whether the first root names one of them; a pod by its workload's name too."""
    return any(one in told or any(item.startswith(one) for item in told) for one in wanted)


def main() -> int:
    """Print a line for each pair, and the score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--captures", type=Path, required=True)
    parser.add_argument("--cases", type=Path, default=Path("none"))
    parser.add_argument("--truth", type=Path, default=Path("none"))
    parser.add_argument("--lines", type=int, default=3)
    parser.add_argument("only", nargs="*")
    args = parser.parse_args()
    seen: dict[Path, Look] = {}
    good = total = 0
    for pair in pairs(args.captures, args.cases, args.truth):
        if args.only and not any(word in pair.name for word in args.only):
            continue
        bundles = [open_bundle(path) for path in (pair.before, pair.after)]
        for path, bundle in zip((pair.before, pair.after), bundles, strict=True):
            if path not in seen:
                seen[path] = look(bundle)
        start = time.perf_counter()
        result = compare_looks(seen[pair.before], seen[pair.after], *bundles)
        spent = time.perf_counter() - start
        told = names(result)
        mark = "  " if not pair.wanted else "ok" if named(pair.wanted, told) else "NO"
        good, total = good + (mark == "ok"), total + bool(pair.wanted)
        size = f"{len(result.roots)} roots, {len(result.changes)} changes, {spent:.2f} s"
        print(f"{mark} {pair.name}: {size}; wanted {pair.wanted[:3]}")
        print(f"     {result.headline[:400]}")
        for root in result.roots[: args.lines]:
            print(f"     - {root.weight:.1f} {root.kind} {root.summary[:160]} [{len(root.consequences)}]")
        if pair.after not in (pair.before,):
            seen.pop(pair.after, None) if "healthy" not in str(pair.after) and "near-miss" not in str(
                pair.after
            ) else None
    print(f"{good} of {total}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
