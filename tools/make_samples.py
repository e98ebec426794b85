"""Write sample_bundles/ from the recordings beside the checkout: whole meshes, cleaned, each under a MB."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bugbundle.bundle import open_bundle
from bugbundle.convert import convert

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT.parent / "shared" / "captures"
SAMPLES = (
    "healthy",
    "healthy-after-change",
    "missing-subset",
    "nack-envoyfilter",
    "stale-proxy",
    "injection-broken",
    "waypoint-missing",
    "mtls-conflict",
)
LIMIT = 1_000_000


def main() -> int:
    """Make every sample; complain about one that grew too large."""
    for name in SAMPLES:
        target = ROOT / "sample_bundles" / f"{name}.tar.zst"
        with tempfile.TemporaryDirectory() as scratch:
            archive = CAPTURES / f"{name}.tar.zst"
            subprocess.run(["tar", "--zstd", "-xf", str(archive), "-C", scratch], check=True)
            convert(open_bundle(Path(scratch) / name / "bundle"), target, force=True)
        target.chmod(0o644)
        size = target.stat().st_size
        print(f"{target.relative_to(ROOT)}: {size / 1e6:.2f} MB", file=sys.stderr)
        if size > LIMIT:
            print(f"{target.name} is larger than {LIMIT} bytes", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
