"""`make bench`: a mesh of BENCH_PROXIES (1000) proxies × BENCH_SIZE (2,000,000) bytes, generated once into build/.

Every line stands beside what the same job costs with ordinary means, measured in the same run: quote the ratios.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.generate import Plan
from bench.ordinary import ordinary, write

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Run:
    """One command: seconds (median) and peak memory in MB."""

    seconds: float
    peak: float
    code: int


def main() -> int:
    """Generate, measure, print."""
    plan = Plan(int(os.environ.get("BENCH_PROXIES", "1000")), int(os.environ.get("BENCH_SIZE", "2000000")))
    target = ROOT / "build" / f"bench-{plan.proxies}x{plan.size}.tar.zst"
    target.parent.mkdir(exist_ok=True)
    # In a process of their own: what a child is said to have used starts from the size of its parent.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
        if not target.exists():
            seconds = elsewhere.submit(write, plan, target).result()
            print(f"generated and written in {seconds:.0f} s")
        found = elsewhere.submit(ordinary, target).result()
    size = target.stat().st_size
    print(
        f"\n{plan.proxies} proxies, {found.entries} entries, {found.raw / 1e6:,.0f} MB, as one file {size / 1e6:.1f} MB"
    )
    print(f"  size         {found.raw / size:8.0f}×   tar | gzip -6: {found.raw / found.gzip:.0f}×")
    load, count, proxy = found.seconds, found.dumps, found.proxy
    rows = [
        ("analyze", ["analyze", str(target)], 1, f"json.load of all {count} dumps alone: {load:.0f} s"),
        ("report", ["report", str(target), "-o", str(target.with_suffix(".html")), "--force"], 1, ""),
        ("one proxy", ["proxy-config", "cluster", str(target), proxy], 5, "proxy-config cluster POD"),
        ("one proxy", ["proxy-status", str(target), proxy], 5, "proxy-status POD: istiod against Envoy"),
        ("proxy-status", ["proxy-status", str(target)], 5, "the table"),
        ("info", ["info", str(target)], 5, ""),
        ("start", ["--version"], 5, ""),
    ]
    for label, argv, times, note in rows:
        run = measure(argv, times)
        status = "" if run.code in (0, 79) else f"  EXIT {run.code}"
        print(f"  {label:<12} {run.seconds:8.2f} s {run.peak:6.0f} MB   {note}{status}", flush=True)
    return 0


def measure(argv: list[str], times: int) -> Run:
    """Run a command several times, as a process of its own."""
    seconds, peak, code = [], 0.0, 0
    for _ in range(times):
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "bugbundle", *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = code = os.waitstatus_to_exitcode(status)
        seconds.append(time.monotonic() - began)
        peak = max(peak, usage.ru_maxrss / 1024)
    return Run(statistics.median(seconds), peak, code)


if __name__ == "__main__":
    sys.exit(main())
