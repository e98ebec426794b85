"""`kubectl get pods -A -o wide` on 10,000 pods, cold: `python -m bench.replay_pods [COUNT]`.

The pods are the sample's own, repeated under other names; times are wall clock, of the whole
`bugbundle replay BUNDLE -- kubectl …`, opening the archive included; the best of five. Processor time is that of
kubectl and replay together, and does not depend on what else the machine does.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bugbundle.bundle import open_bundle
from bugbundle.convert import convert

SAMPLE = Path(__file__).resolve().parent.parent / "sample_bundles" / "healthy.tar.zst"
PODS = "k8s/api/v1/pods.json"
RUNS = 5


def grow(root: Path, count: int) -> int:
    """An unpacked bundle whose pod list has `count` items; its size in bytes."""
    bundle = open_bundle(SAMPLE)
    listed = json.loads(bundle[PODS])
    texts = [json.dumps(item, separators=(",", ":")) for item in listed["items"]]
    grown = []
    for number in range(count):
        item = json.loads(texts[number % len(texts)])
        item["metadata"] |= {"name": f"{item['metadata']['name']}-{number}", "namespace": f"ns-{number // 100}"}
        grown.append(json.dumps(item, separators=(",", ":")))
    listed["items"] = []
    body = json.dumps(listed, separators=(",", ":")).replace('"items":[]', f'"items":[{",".join(grown)}]')
    for path in bundle:
        if path.startswith("k8s/") or path in ("bundle.json", "manifest.json"):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(body.encode() if path == PODS else bundle[path])
    return len(body)


def main() -> None:
    """Print the time of each run, the best, the processor time, and the largest process's memory."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        size = grow(Path(folder, "grown"), count)
        archive = convert(open_bundle(Path(folder, "grown")), Path(folder, "grown.tar.zst"))
        shown = ["kubectl", "get", "pods", "-A", "-o", "wide"]
        argv = [sys.executable, "-m", "bugbundle", "replay", str(archive), "--", *shown]
        times = []
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(RUNS):
            began = time.perf_counter()
            said = subprocess.run(argv, check=True, capture_output=True).stdout
            times.append(time.perf_counter() - began)
            assert said.count(b"\n") == count + 1
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = (used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime) / RUNS
    runs = " ".join(f"{seconds:.2f}" for seconds in times)
    print(
        f"{count} pods, {size / 1e6:.0f} MB: best {min(times):.2f} s (runs {runs}), "
        f"{processor:.2f} s of processor time, {used.ru_maxrss / 1024:.0f} MB of memory"
    )


if __name__ == "__main__":
    main()
