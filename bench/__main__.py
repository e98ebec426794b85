"""`make bench`: a mesh of BENCH_PROXIES (1000) proxies × BENCH_SIZE (2,000,000) bytes, generated once into build/.

Every line stands beside what the same job costs with ordinary means, measured in the same run: quote the ratios.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from bench.generate import Plan, generate
from bugbundle.bundle import Bundle, open_bundle

ROOT = Path(__file__).resolve().parent.parent
SHARE = 20
"""The ordinary means are measured on every 20th dump and multiplied: they would take minutes."""


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
    if not target.exists():
        began = time.monotonic()
        generate(open_bundle(ROOT / "sample_bundles" / "healthy.tar.zst"), plan, target)
        print(f"generated and written in {time.monotonic() - began:.0f} s")
    bundle = open_bundle(target)
    raw = sum(bundle.store.size(path) for path in bundle)
    size = target.stat().st_size
    print(f"\n{plan.proxies} proxies, {len(bundle)} entries, {raw / 1e6:,.0f} MB raw, {size / 1e6:.1f} MB in one file")
    gzip, load, count = ordinary(bundle, raw)
    print(f"  size         {raw / size:8.0f}×   tar | gzip -6: {raw / gzip:.0f}×")
    proxy = f"app-7-{7 % plan.proxies:05d}.bench"
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
        found = measure(argv, times)
        status = "" if found.code in (0, 79) else f"  EXIT {found.code}"
        print(f"  {label:<12} {found.seconds:8.2f} s {found.peak:6.0f} MB   {note}{status}")
    return 0


def ordinary(bundle: Bundle, raw: int) -> tuple[float, float, int]:
    """(bytes of tar | gzip -6, seconds of json.load, dumps), from every 20th dump."""
    dumps = [path for path in bundle if "config_dump" in path]
    squeeze = zlib.compressobj(6)
    taken = squeezed = 0
    seconds = 0.0
    for path in dumps[::SHARE]:
        data = bundle[path]
        taken += len(data)
        squeezed += len(squeeze.compress(data))
        began = time.perf_counter()
        json.loads(data)
        seconds += time.perf_counter() - began
    squeezed += len(squeeze.flush())
    return squeezed * raw / taken, seconds * len(dumps) / len(dumps[::SHARE]), len(dumps)


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
