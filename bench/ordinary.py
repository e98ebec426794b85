"""What the same job costs with ordinary means, beside which `make bench` puts its own figures."""

from __future__ import annotations

import json
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

from bench.generate import Plan, generate
from bugbundle.bundle import open_bundle

ROOT = Path(__file__).resolve().parent.parent
SHARE = 20
"""The ordinary means are measured on every 20th dump and multiplied: they would take minutes."""


@dataclass
class Ordinary:
    """What the same job costs with ordinary means: bytes of `tar | gzip -6`, seconds of `json.load` of all dumps."""

    entries: int
    raw: int
    dumps: int
    proxy: str
    gzip: float
    seconds: float


def write(plan: Plan, target: Path) -> float:
    """Generate the mesh; seconds."""
    began = time.monotonic()
    generate(open_bundle(ROOT / "sample_bundles" / "healthy.tar.zst"), plan, target)
    return time.monotonic() - began


def ordinary(target: Path) -> Ordinary:
    """Measured on every 20th dump, and multiplied."""
    bundle = open_bundle(target)
    raw = sum(bundle.store.size(path) for path in bundle)
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
    proxy = next(path for path in dumps if path.startswith("proxies/") and "/app-7-" in path).split("/")
    share = len(dumps[::SHARE]) / len(dumps)
    return Ordinary(len(bundle), raw, len(dumps), f"{proxy[2]}.{proxy[1]}", squeezed * raw / taken, seconds / share)
