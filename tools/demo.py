"""`make demo`: the main job on a recorded mesh. Takes a bundle and a folder for the report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(bundle: str, folder: str) -> int:
    """Diagnose, write the report, say where it is."""
    report = Path(folder) / f"{Path(bundle).name.removesuffix('.tar.zst')}.html"
    command = [sys.executable, "-m", "bugbundle"]
    print(f"$ bugbundle analyze {bundle}\n", flush=True)
    found = subprocess.run([*command, "analyze", bundle], check=False).returncode
    if found not in (0, 79):
        return found
    print(f"\n$ bugbundle report {bundle} -o {report}", flush=True)
    written = subprocess.run([*command, "report", bundle, "-o", str(report), "--force"], check=False).returncode
    if written == 0:
        print(f"\nThe report is {report.resolve().as_uri()}: open it in any browser.")
    return written


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
