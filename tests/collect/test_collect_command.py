"""`bugbundle collect`: exit codes, what goes where, the plan, Ctrl-C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from mesh_with_faults import kubeconfig, mesh, serving

from bugbundle.bundle import open_bundle

BUGBUNDLE = (sys.executable, "-m", "bugbundle")


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*BUGBUNDLE, "collect", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "KUBECONFIG": "", **environment},
    )


def run(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(folder, *arguments, **environment)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_all_of_it_is_exit_code_0_and_a_file_of_ones_own(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        code, out, err = run(tmp_path, KUBECONFIG=kubeconfig(tmp_path, server.url))
    assert code == 0, err
    made = tmp_path / out.strip()
    assert made.name.startswith("bugbundle-east-20261120T1803")
    assert made.name.endswith("Z.tar.zst")
    assert made.stat().st_mode & 0o777 == 0o600
    assert "\r" not in err
    assert "\x1b" not in err


def test_gaps_are_exit_code_3(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        return web.json_response({"kind": "Status", "message": "no"}, status=403) if "secrets" in request.path else None

    with serving(mesh(), fault) as server:
        place = kubeconfig(tmp_path, server.url)
        code, out, err = run(tmp_path, "--kubeconfig", place, "-o", "made.tar.zst", "--format", "json")
    summary: dict[str, Any] = json.loads(out)
    assert code == 3, err
    assert summary["gaps"] == [{"path": "k8s/api/v1/secrets.json", "status": 403, "reason": "no"}]
    assert (summary["path"], summary["partial"]) == ("made.tar.zst", True)
    assert "gap k8s/api/v1/secrets.json: no" in err


def test_the_plan_writes_nothing_and_names_the_rights(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        place = kubeconfig(tmp_path, server.url)
        code, out, err = run(tmp_path, "--kubeconfig", place, "--dry-run")
        assert (code, err) == (0, "")
        whole = yaml.safe_load(out.partition("The rights that this takes:")[2])
        narrow = json.loads(run(tmp_path, "--kubeconfig", place, "--dry-run", "--format", "json", "-n", "shop")[1])
        assert server.count("portforward") == 0
    assert list(tmp_path.glob("*.zst")) == []
    assert whole["kind"] == "ClusterRole"
    assert {"apiGroups": ["networking.istio.io"], "resources": ["virtualservices"], "verbs": ["list"]} in whole["rules"]
    assert {verb for rule in whole["rules"] for verb in rule["verbs"]} == {"list", "get", "create"}
    assert {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]} in whole["rules"]
    assert narrow["role"]["kind"] == "Role"
    assert (narrow["proxies"], narrow["istiods"]) == (["web.shop"], ["istiod-1.istio-system"])


def test_nothing_is_overwritten_and_nobody_is_asked_first(tmp_path: Path) -> None:
    (tmp_path / "made.tar.zst").write_text("mine")
    code, out, err = run(tmp_path, "-o", "made.tar.zst", "--kubeconfig", "absent")
    assert (code, out, err) == (1, "", "Error: made.tar.zst: exists already. Give another name\n")
    assert (tmp_path / "made.tar.zst").read_text() == "mine"


def test_failures_are_one_sentence(tmp_path: Path) -> None:
    for arguments in (("--kubeconfig", "absent"), (), ("--kubeconfig", kubeconfig(tmp_path, "https://127.0.0.1:1"))):
        code, out, err = run(tmp_path, *arguments, "--timeout", "2s")
        assert (code, out) == (1, "")
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
    code, _, err = run(tmp_path, "--since", "soon")
    assert code == 2
    assert "is not a duration" in err


def test_ctrl_c_keeps_what_there_is(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/log"):
            await asyncio.sleep(60)
        return None

    with serving(mesh(), fault) as server:
        process = start(tmp_path, "--kubeconfig", kubeconfig(tmp_path, server.url), "-o", "made.tar.zst")
        deadline = time.monotonic() + 30
        while server.count("/log?") == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 3, err
    assert "Ended before all was asked." in err
    made = open_bundle(tmp_path / "made.tar.zst")
    assert made.manifest is not None
    assert made.notes == []
    assert "proxies/shop/web/config_dump.json" in made
    assert sorted(made.gaps) == sorted(path for path in mesh() if path.startswith("logs/"))
