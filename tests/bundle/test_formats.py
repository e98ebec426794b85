"""Bundles of every format number are read; those of a newer one are refused; steps are applied one after the other."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bugbundle.bundle import FORMAT, Bundle, Entry, Gap, Header, Manifest, open_bundle
from bugbundle.bundle.formats import Formats, Step
from bugbundle.bundle.reader import DictStore
from bugbundle.bundle.verify import verify
from bugbundle.errors import BundleError

KEPT = Path(__file__).parent / "formats"
STARTED, FINISHED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2026, 1, 2, 3, 5, 6, tzinfo=UTC)

BODIES = {
    "k8s/version.json": b'{"gitVersion":"v1.30.0"}',
    "proxies/shop/web/config_dump.json": b'{"configs":[]}',
    "proxies/shop/web/ready.txt": b"PRE_INITIALIZING\n",
}
PROXY = "proxy web.shop:15000"
LOG = "GET /api/v1/namespaces/shop/pods/web/log?container=istio-proxy"


def entry(path: str, target: str, request: str, **more: Any) -> Entry:
    body = BODIES[path]
    return Entry(path, len(body), hashlib.sha256(body).hexdigest(), target, request, at=STARTED, **more)


@pytest.mark.parametrize("number", range(1, FORMAT + 1))
def test_a_bundle_of_every_format_is_read(number: int) -> None:
    bundle = open_bundle(KEPT / f"{number}.tar.zst")
    header = Header(number, "bugbundle 0.1.0", STARTED, ("c1",), {"logs": False}, {"rules": 1})
    rows = [
        entry("k8s/version.json", "api", "GET /version", seconds=0.25),
        entry("proxies/shop/web/config_dump.json", PROXY, "GET /config_dump?include_eds", seconds=1.5, attempts=2,
              route="port-forward"),
        entry("proxies/shop/web/ready.txt", PROXY, "GET /ready", status=503),
    ]  # fmt: skip
    gap = Gap("logs/shop/web/istio-proxy.log", "api", LOG, 403, "forbidden")
    head = bundle.manifest.entries["bundle.json"] if bundle.manifest else None
    assert head is not None
    found = {row.path: row for row in [head, *rows]}
    assert bundle.header == header
    assert bundle.manifest == Manifest(number, STARTED, FINISHED, found, {gap.path: gap})
    assert {path: bundle[path] for path in BODIES} == BODIES
    assert (bundle.notes, list(verify(bundle))) == ([], [])


def test_a_newer_format_is_refused() -> None:
    with pytest.raises(BundleError) as caught:
        Bundle.from_entries({"bundle.json": json.dumps({"format": FORMAT + 1})}, "case.tar.zst")
    assert caught.value.text == (
        f"case.tar.zst: bundle.json: format {FORMAT + 1} is newer than {FORMAT}, the newest that this version reads. "
        "Update bugbundle (pip install --upgrade bugbundle)"
    )


def renamed(path: str) -> str:
    return path.replace("envoy/", "proxies/", 1) if path.startswith("envoy/") else path


def cluster_to_clusters(raw: dict[str, Any]) -> dict[str, Any]:
    return {**raw, "clusters": [raw.pop("cluster")]}


def times_to_seconds(raw: dict[str, Any]) -> dict[str, Any]:
    rows = [{**row, "seconds": row["milliseconds"] / 1000} for row in raw["entries"]]
    return {**raw, "entries": rows}


INVENTED = Formats(
    3, {1: Step(header=cluster_to_clusters, name=renamed), 2: Step(manifest=times_to_seconds, name=str.lower)}
)
"""Two steps: the first renames a folder and a member, the second all entries, and counts in seconds."""

OLD = {
    "bundle.json": json.dumps({"format": 1, "tool": "t", "cluster": "c1"}).encode(),
    "envoy/shop/Web/ready.txt": b"LIVE\n",
    "manifest.json": json.dumps(
        {
            "format": 1,
            "entries": [{"path": "envoy/shop/Web/ready.txt", "size": 5, "milliseconds": 250}],
            "gaps": [{"path": "envoy/shop/Api/ready.txt", "reason": "timeout"}],
        }
    ).encode(),
}


def test_steps_are_applied_one_after_the_other() -> None:
    bundle = Bundle(DictStore(OLD), INVENTED)
    path, missing = "proxies/shop/web/ready.txt", "proxies/shop/api/ready.txt"
    assert bundle.header == Header(1, "t", None, ("c1",))
    assert list(bundle) == ["bundle.json", path, "manifest.json"]
    assert (bundle[path], bundle.store.size(path), b"".join(bundle.store.chunks(path))) == (b"LIVE\n", 5, b"LIVE\n")
    assert bundle.entry(path) == Entry(path, 5, seconds=0.25)
    assert bundle.gaps == {missing: Gap(missing, reason="timeout")}
    assert (bundle.notes, list(verify(bundle))) == ([], [])


def test_a_later_format_needs_only_the_later_steps() -> None:
    old = {
        "bundle.json": b'{"format":2,"clusters":["c1"]}',
        "Envoy/a.txt": b"x",
        "manifest.json": b'{"format":2,"entries":[]}',
    }
    bundle = Bundle(DictStore(old), INVENTED)
    assert (bundle.header.clusters, list(bundle)) == (("c1",), ["bundle.json", "envoy/a.txt", "manifest.json"])


def test_a_step_that_makes_two_names_one() -> None:
    twice = {**OLD, "proxies/shop/Web/ready.txt": b"DRAINING\n"}
    with pytest.raises(BundleError, match="a name twice"):
        Bundle(DictStore(twice), INVENTED)
