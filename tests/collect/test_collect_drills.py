"""What breaks in the middle of a collection: what passes costs nothing, what stays costs what it must and is said."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from mesh_with_faults import TOKEN, Fault, collected, kubeconfig, mesh, pod, serving
from relay import Faults, relay

from bugbundle.bundle import open_bundle
from bugbundle.collect.cluster import Access, connect
from bugbundle.collect.options import Options
from bugbundle.collect.run import Collection, Result

NODES = ("one", "two", "three")
MANY = (
    *(pod("shop", f"web-{number}", ["app", "istio-proxy"], node=NODES[number % 3]) for number in range(9)),
    pod("istio-system", "istiod-1", ["discovery"], labels={"app": "istiod"}, node="two"),
)


def many() -> dict[str, bytes]:
    """Nine proxies on three nodes, an istiod that knows them all."""
    found = mesh(pods=MANY, without=("ztunnel/", "logs/istio-system/ztunnel"))
    for number in range(9):
        for path, body in mesh().items():
            if path.startswith(("proxies/shop/web/", "logs/shop/web/")):
                found[path.replace("/web/", f"/web-{number}/")] = body
    return {path: body for path, body in found.items() if "/shop/web/" not in path and "web.shop" not in path}


UNDISTURBED = frozenset(path for path in many() if not path.startswith(("bundle", "k8s/apis/example.com/v1/")))


@contextmanager
def behind(faults: Faults, fault: Fault | None = None) -> Iterator[str]:
    with serving(many(), fault) as server, relay(int(server.url.rpartition(":")[2]), faults) as url:
        yield url


def collect(folder: Path, url: str, **options: Any) -> Result:
    chosen = Options(**{"seconds": 10.0, "budget": 60.0, **options})
    return Collection(connect(Access(kubeconfig(folder, url))), chosen, lambda *_: None).write(folder / "made.tar.zst")


def lost(result: Result) -> dict[str, str]:
    """Path → reason of what an undisturbed collection has and this one has not; each is a gap."""
    made = open_bundle(result.path)
    assert made.notes == []
    return {path: made.gaps[path].reason for path in UNDISTURBED if path not in made}


def test_a_server_that_is_away_costs_its_time_alone(tmp_path: Path) -> None:
    with behind(Faults(away=(0.2, 3.0))) as url:
        begun = time.monotonic()
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])
    assert time.monotonic() - begun > 3


ALL = bool(os.environ.get("BUGBUNDLE_DRILLS"))


@pytest.mark.parametrize("seed", range(20 if ALL else 2))
def test_one_connection_in_five_is_cut(tmp_path: Path, seed: int) -> None:
    with behind(Faults(cut=0.2, seed=seed)) as url:
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])


def silent(node: str, until: float = float("inf")) -> Fault:
    """A node whose kubelet does not answer the API server, until so many seconds after the first question to it."""
    mine = {one["metadata"]["name"] for one in MANY if one["spec"]["nodeName"] == node}
    first: list[float] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        parts = request.path.split("/")
        if parts[-1] in ("portforward", "exec", "log") and parts[-2] in mine:
            first.append(time.monotonic())
            if time.monotonic() - first[0] < until:
                await asyncio.sleep(30)
        return None

    return fault


def test_a_dead_node_costs_a_time_out_not_one_for_each_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugbundle.collect.health.PATIENCE", 1.0)
    with behind(Faults(), silent("one")) as url:
        begun = time.monotonic()
        result = collect(tmp_path, url, seconds=1.0)
    assert time.monotonic() - begun < 12
    gone = lost(result)
    mine = {f"web-{number}" for number in (0, 3, 6)}
    assert gone.keys() == {path for path in UNDISTURBED if path.split("/")[-2] in mine}
    assert {reason for path, reason in gone.items() if path.endswith("app.log")} <= {
        "no answer in time",
        "not asked: node one does not answer (no answer in time)",
    }


def test_a_node_that_comes_back_has_lost_nothing(tmp_path: Path) -> None:
    with behind(Faults(), silent("one", until=3)) as url:
        result = collect(tmp_path, url, seconds=1.0)
    assert (lost(result), result.gaps) == ({}, [])


def test_everybody_is_told_to_come_back_later(tmp_path: Path) -> None:
    begun = time.monotonic() + 0.3

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if 0 < time.monotonic() - begun < 3:
            return web.json_response({"kind": "Status", "message": "later"}, status=429, headers={"Retry-After": "1"})
        return None

    with behind(Faults(), fault) as url:
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])


def test_every_question_in_turn_fails_once(tmp_path: Path) -> None:
    failed: set[str] = set()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        key = request.path_qs
        if key in failed or request.path == "/version":
            return None
        failed.add(key)
        if len(failed) % 3 == 0:
            return web.json_response({"kind": "Status", "message": "etcdserver: leader changed"}, status=500)
        if len(failed) % 3 == 1:
            return web.Response(status=504, text="gateway time-out")
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with behind(Faults(), fault) as url:
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])


def test_an_istiod_that_restarts_is_asked_when_it_is_back(tmp_path: Path) -> None:
    begun = time.monotonic()

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("istiod-1/portforward") and time.monotonic() - begun < 4:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return None

    with behind(Faults(), fault) as url:
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])


def test_a_token_that_expires_is_read_anew(tmp_path: Path) -> None:
    valid = [TOKEN]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/services") and len(valid) == 1:
            valid.append("another")
            kubeconfig(tmp_path, url, token="another")
        if request.headers.get("Authorization") != f"Bearer {valid[-1]}":
            return web.json_response({"kind": "Status", "message": "Unauthorized"}, status=401)
        return None

    with serving(many(), fault) as server:
        url = f"{server.url}/{TOKEN}"
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])


def test_the_budget_is_kept_whatever_hangs(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "portforward" in request.path:
            await asyncio.sleep(60)
        return None

    with serving(many(), fault) as server:
        begun = time.monotonic()
        result = collected(tmp_path, server, seconds=30, budget=3)
    assert time.monotonic() - begun < 5
    assert result.ended
    assert all(path.startswith(("proxies/", "istiod/", "logs/")) for path in lost(result))


HEAD = b'{"configs":[{"@type":"type.googleapis.com/envoy.admin.v3.BootstrapConfigDump","bootstrap":{"a":'
NO_LIST = "the answer is not a list in JSON"


@pytest.mark.parametrize("seed", range(50 if ALL else 3))
def test_killed_at_any_moment_it_leaves_a_bundle_that_opens(tmp_path: Path, seed: int) -> None:
    with behind(Faults(rate=40_000)) as url:
        place = kubeconfig(tmp_path, url)
        command = [sys.executable, "-m", "bugbundle", "collect", "--kubeconfig", place, "-o", "made.tar.zst"]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not (tmp_path / "made.tar.zst").exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(random.Random(seed).uniform(0, 3))
        process.kill()
        process.wait(30)
    made = open_bundle(tmp_path / "made.tar.zst")
    assert made.header.clusters in (("east",), ())
    assert made.manifest is not None or made.notes


ANSWERS: dict[str, tuple[bytes, set[str]]] = {
    "endless": (b"", {"the answer did not end in time"}),
    "not JSON": (b"<html>503 upstream connect error</html>", {NO_LIST}),
    "invalid bytes": (HEAD + b'"\xff"}}]}', set()),
    "a long number": (HEAD + b"9" * 5000 + b"}}]}", set()),
    "too deep": (b"[" * 100_000, {NO_LIST}),
    "empty": (b"", {NO_LIST}),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_no_answer_of_anybody_ends_the_recording(tmp_path: Path, kind: str) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if "configmaps" not in request.path and not request.path.endswith(("/services", "/namespaces")):
            return None
        if kind != "endless":
            return web.Response(body=ANSWERS[kind][0], content_type="application/json")
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(60):
            await response.write(b"x" * 1000)
            await asyncio.sleep(0.1)
        return response

    entries = {**many(), "proxies/shop/web-1/config_dump.json": ANSWERS[kind][0] or b"{"}
    with serving(entries, fault) as server:
        result = collected(tmp_path, server, seconds=1)
    made = open_bundle(result.path)
    assert made.notes == []
    assert "proxies/shop/web-1/config_dump.json" in made
    assert "proxies/shop/web-2/config_dump.json" in made
    assert {gap.reason for gap in result.gaps} == ANSWERS[kind][1]


def test_an_answer_that_is_too_large_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bugbundle.collect.cluster.MAX_BODY", 5000)
    monkeypatch.setattr("bugbundle.collect.forward.MAX_BODY", 5000)

    async def fault(request: web.Request) -> web.StreamResponse | None:
        return web.Response(body=b"{" + b" " * 6000) if request.path.endswith("/services") else None

    with serving({**many(), "proxies/shop/web-1/stats.txt": b"x" * 6000}, fault) as server:
        result = collected(tmp_path, server)
    assert {gap.path: gap.reason for gap in result.gaps} == {
        "k8s/api/v1/services.json": "the answer is larger than it may be",
        "proxies/shop/web-1/stats.txt": "the answer is larger than it may be",
    }


def test_a_full_folder_for_temporary_files_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bugbundle.collect.record.tempfile.TemporaryFile", full)
    with behind(Faults()) as url:
        result = collect(tmp_path, url)
    assert (lost(result), result.gaps) == ({}, [])
