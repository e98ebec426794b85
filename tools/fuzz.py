"""`make fuzz`: hostile archives, dumps, logs, YAML and HTTP, for as long as FUZZ_SECONDS says (60); what fails is kept.

Every target may raise `BugbundleError` and nothing else, and must leave no planted secret. Failing inputs, and those
that lead to them, stay in build/fuzz (a database of hypothesis): the next run begins with them.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase

from bugbundle.analysis import analyze
from bugbundle.bundle import Bundle, open_bundle
from bugbundle.errors import BugbundleError
from bugbundle.mesh.manifests import read_files
from bugbundle.redact.gate import Gate
from bugbundle.replay.stream.http1 import NoAnswer, serve

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = (ROOT / "sample_bundles" / "missing-subset.tar.zst").read_bytes()
SECRET = "Zq7abcDEF9xkWm4Tt1"
DATABASE = DirectoryBasedExampleDatabase(ROOT / "build" / "fuzz")

changes = st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.binary(max_size=12)), min_size=1, max_size=5)
texts = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["password", "kind", "Secret", "data", "|\n  ", "'", '"', "\\n", "token", ": ", "&"]),
)
values = st.recursive(
    st.one_of(texts, st.integers(), st.none(), st.booleans(), st.floats()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=30,
)


@given(changes)
def archive(edits: list[tuple[int, bytes]]) -> None:
    """A bundle with bytes changed: it opens, or is refused."""
    data = bytearray(SAMPLE)
    for place, patch in edits:
        data[place : place + len(patch)] = patch
    with tempfile.NamedTemporaryFile(suffix=".tar.zst") as file:
        file.write(data)
        file.flush()
        try:
            bundle = open_bundle(file.name)
            for path in list(bundle)[:20]:
                bundle.get(path)
        except BugbundleError:
            return


@given(values, st.sampled_from(["configs", "bootstrap", "clusters", "static_clusters"]))
def dump(value: object, member: str) -> None:
    """A config dump of anything: the analysis ends, and says what it could not read."""
    body = json.dumps({"configs": [{"@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump", member: value}]})
    analyze(Bundle.from_entries({"bundle.json": '{"format":1}', "proxies/a/p/config_dump.json": body}))


@given(st.lists(texts, max_size=12), st.sampled_from(["logs/a/p/c.log", "k8s/api/v1/pods.json", "k8s/x.yaml"]))
def log(parts: list[str], path: str) -> None:
    """Any text around a secret under its name: the secret goes, nothing else is raised."""
    body = "".join([*parts, f"\npassword={SECRET}\n", *parts]).encode("utf-8", "surrogatepass")
    try:
        left = Gate().redact(path, body).body
    except BugbundleError:
        return
    assert SECRET.encode() not in left


@given(st.lists(texts, max_size=20))
def manifest(parts: list[str]) -> None:
    """Any YAML: read, or told of as a problem."""
    try:
        read_files([("f.yaml", "".join(parts).encode("utf-8", "surrogatepass"))], "default")
    except BugbundleError:
        return


@given(st.binary(max_size=300))
def http(data: bytes) -> None:
    """Bytes to a forwarded port of a replay: an answer or an end, never an error."""
    asyncio.run(serve(_Client([b"GET / HTTP/1.1\r\nHost: x\r\n", data, b"\r\n\r\n"]), _silent))


class _Client:
    """Sends what it was given, then nothing."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def read(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    async def write(self, data: bytes) -> None:
        return None


def _silent(*asked: object) -> Any:
    raise NoAnswer("nothing was recorded")


TARGETS: dict[str, Callable[[], None]] = {
    "archive": archive,
    "dump": dump,
    "log": log,
    "manifest": manifest,
    "http": http,
}


def main() -> int:
    """Each target in turn, round after round, until the time is over."""
    until = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "60"))
    quiet = settings(max_examples=50, deadline=None, database=DATABASE, suppress_health_check=list(HealthCheck))
    rounds = 0
    while rounds == 0 or time.monotonic() < until:
        for name, target in TARGETS.items():
            try:
                quiet(target)()
            except Exception as error:
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
                return 1
        rounds += 1
    print(f"{rounds} rounds of {', '.join(TARGETS)}: nothing but what was to be expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
