"""`make demo`: the whole way without a cluster. Takes a sample bundle and a folder for what is made.

The sample plays the cluster (`replay`), is recorded through the Kubernetes API (`collect`), and the recording is
diagnosed (`analyze`) and reported (`report`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PARTIAL, FINDINGS = 3, 79
PROGRAM = [sys.executable, "-m", "bugbundle"]


def main(sample: str, folder: str) -> int:
    """Collect, diagnose, write the report, say where it is; the exit code."""
    name = Path(sample).name.removesuffix(".tar.zst")
    made, page = Path(folder) / f"{name}.collected.tar.zst", Path(folder) / f"{name}.html"
    made.unlink(missing_ok=True)
    collect = ["collect", "-o", str(made)]
    code = run(f"replay {sample} -- bugbundle collect -o {made}", ["replay", sample, "--", *PROGRAM, *collect])
    if code not in (0, PARTIAL):
        return code
    found = run(f"analyze {made}", ["analyze", str(made)])
    if found not in (0, FINDINGS):
        return found
    if code := run(f"report {made} -o {page}", ["report", str(made), "-o", str(page), "--force"]):
        return code
    print(f"\nThe report is {page.resolve().as_uri()}: open it in any browser.")
    return 0


def run(shown: str, arguments: list[str]) -> int:
    """Say what is run, run it, give its exit code."""
    print(f"\n$ bugbundle {shown}\n", flush=True)
    return subprocess.run([*PROGRAM, *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
