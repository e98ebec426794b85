"""Collecting from a replayed bundle gives that bundle again."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from aiohttp import web
from captures import NAMES, bundle_folder, sample
from comparing import differences
from mesh_with_faults import collected, mesh, serving

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.convert import convert

BUGBUNDLE = (sys.executable, "-m", "bugbundle")


def again(bundle: Path, target: Path) -> subprocess.CompletedProcess[str]:
    """`bugbundle replay BUNDLE -- bugbundle collect -o TARGET`."""
    command = [*BUGBUNDLE, "replay", str(bundle), "--", *BUGBUNDLE, "collect", "-o", str(target)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_sample_comes_out_as_it_was(tmp_path: Path) -> None:
    made = tmp_path / "again.tar.zst"
    run = again(sample("healthy"), made)
    assert (run.returncode, run.stdout) == (0, f"{made}\n"), run.stderr
    first, second = open_bundle(sample("healthy")), open_bundle(made)
    assert differences(first, second) == []
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert second.header.clusters == first.header.clusters
    assert first.started is not None and second.started is not None
    assert abs((second.started - first.started).total_seconds()) < 60
    assert "\r" not in run.stderr


@pytest.mark.parametrize("name", NAMES or ["healthy"])
def test_captures_come_out_as_they_were(name: str, tmp_path: Path) -> None:
    if name.startswith("scale") and not os.environ.get("BUGBUNDLE_SLOW"):
        pytest.skip("takes long; set BUGBUNDLE_SLOW=1")
    first = convert(open_bundle(bundle_folder(name)), tmp_path / "first.tar.zst")
    run = again(first, tmp_path / "again.tar.zst")
    gaps = open_bundle(first).gaps
    assert run.returncode == (3 if gaps else 0), run.stderr
    assert differences(open_bundle(first), open_bundle(tmp_path / "again.tar.zst")) == []


def test_a_second_time_changes_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    with serving(mesh()) as server:
        first = open_bundle(collected(tmp_path, server).path)
    with serving({path: first[path] for path in first}) as server:
        second = open_bundle(collected(tmp_path / "second", server).path)
    assert differences(first, second) == []


def test_what_was_never_asked_is_neither_entry_nor_gap(tmp_path: Path) -> None:
    with serving(mesh(without=("proxies/shop/web/stats",))) as server:
        result = collected(tmp_path, server)
    made = open_bundle(result.path)
    assert "proxies/shop/web/stats.txt" not in made
    assert result.gaps == []
    missing = {path for path in mesh() if path not in made and not path.startswith("k8s/apis/example.com/v1/")}
    assert missing == set()


def test_differences_are_seen() -> None:
    one = Bundle.from_entries({"k8s/version.json": b"{}", "logs/a/b/c.log": b"x"})
    two = Bundle.from_entries({"k8s/version.json": b"{ }", "logs/a/b/d.log": b"x"})
    assert differences(one, two) == [
        "only in the first: logs/a/b/c.log",
        "only in the second: logs/a/b/d.log",
        "k8s/version.json: 2 bytes became 3 others",
    ]


def test_gaps_come_out_as_gaps(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        path = request.path
        forbidden = ("/api/v1/pods", "/api/v1/secrets", "/api/v1/services", "/apis/example.com/v1")
        if path in forbidden or path.endswith(("kube-system/pods", "/secrets", "pods/web/portforward", "/exec")):
            return web.json_response({"kind": "Status", "message": f"{path} is forbidden"}, status=403)
        if path.endswith("ztunnel-1/log") and request.transport:
            request.transport.abort()
            return web.Response()
        return None

    (tmp_path / "second").mkdir()
    with serving(mesh(), fault) as server:
        first = open_bundle(collected(tmp_path, server).path)
    with serving({path: first[path] for path in first}) as server:
        second = open_bundle(collected(tmp_path / "second", server).path)
    assert differences(first, second) == []
    assert {gap.status for gap in second.gaps.values()} == {0, 403}
    assert "k8s/api/v1/namespaces/shop/services.json" in second
