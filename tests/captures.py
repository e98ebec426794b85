"""Where the tests find recordings: the captures beside the checkout, unpacked once into a cache.

`folder(name)` gives the unpacked capture, or skips the test with a reason where there is none.
"""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ARCHIVES = Path(os.environ.get("BUGBUNDLE_CAPTURES", ROOT.parent / "shared" / "captures"))
CACHE = Path(os.environ.get("BUGBUNDLE_CAPTURE_CACHE", Path(tempfile.gettempdir()) / "bugbundle-captures"))
SAMPLES = ROOT / "sample_bundles"

NAMES = sorted(path.name.removesuffix(".tar.zst") for path in ARCHIVES.glob("*.tar.zst"))


@functools.cache
def folder(name: str) -> Path:
    """The unpacked capture `name`; skips where the recordings are absent."""
    archive = ARCHIVES / f"{name}.tar.zst"
    if not archive.is_file():
        pytest.skip(f"recording {name} is not beside the checkout")
    target = CACHE / name
    if not target.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            subprocess.run(["tar", "--zstd", "-xf", str(archive), "-C", scratch], check=True)
            try:
                (Path(scratch) / name).rename(target)
            except OSError:
                if not target.is_dir():
                    raise
    return target


def bundle_folder(name: str) -> Path:
    """The `bundle/` folder of a capture."""
    return folder(name) / "bundle"


def sample(name: str) -> Path:
    """One of the checked-in sample bundles."""
    return SAMPLES / f"{name}.tar.zst"
