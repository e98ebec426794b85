"""`bugbundle replay`: the command's exit code handed back, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from recording import items, pod, recording

from bugbundle.bundle import Bundle
from bugbundle.replay import Address, Replay, kubeconfig, run_command

PYTHON = sys.executable


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files, to see that it is empty at the end."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """A small recording as a folder."""
    bundle = recording({"k8s/api/v1/pods.json": items("Pod", pod("a"))})
    root = tmp_path / "bundle"
    for path in bundle:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(bundle[path])
    return root


def run(bundle: Bundle, *argv: str) -> int:
    return run_command(bundle, Address(), argv)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        ((PYTHON, "-c", "pass"), 0),
        ((PYTHON, "-c", "raise SystemExit(79)"), 79),
        ((PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"), 137),
        (("no-such-command-at-all",), 127),
        ((str(Path(__file__).parent),), 126),
    ],
)
def test_exit_codes(argv: tuple[str, ...], code: int, temporary: Path) -> None:
    assert run(recording({}), *argv) == code
    assert list(temporary.iterdir()) == []


LOOK = """
import json, os, pathlib, ssl, sys, urllib.request, base64
place = pathlib.Path(os.environ["KUBECONFIG"])
config = json.loads(place.read_text())
cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
ca = base64.b64decode(cluster["certificate-authority-data"]).decode()
headers = {"Authorization": "Bearer " + user["token"]}
request = urllib.request.Request(cluster["server"] + "/api/v1/pods", headers=headers)
found = json.load(urllib.request.urlopen(request, context=ssl.create_default_context(cadata=ca)))
told = {
    "modes": [oct(place.stat().st_mode & 0o777), oct(place.parent.stat().st_mode & 0o777)],
    "cache": pathlib.Path(os.environ["KUBECACHEDIR"]).parent == place.parent,
    "server": cluster["server"].rpartition(":")[0],
    "pods": [item["metadata"]["name"] for item in found["items"]],
}
pathlib.Path(sys.argv[1]).write_text(json.dumps(told))
"""


def test_the_command_finds_a_private_kubeconfig_and_a_trusted_server(temporary: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen.json"
    bundle = recording({"k8s/api/v1/pods.json": items("Pod", pod("a"))})
    assert run(bundle, PYTHON, "-c", LOOK, str(seen)) == 0
    assert json.loads(seen.read_text()) == {
        "modes": ["0o600", "0o700"],
        "cache": True,
        "server": "https://127.0.0.1",
        "pods": ["a"],
    }
    assert list(temporary.iterdir()) == []


def test_kubeconfig_of_a_plain_server_has_the_token_in_its_url() -> None:
    config = json.loads(kubeconfig(Replay("http://127.0.0.1:1", "t")))
    assert config["clusters"] == [{"name": "bugbundle", "cluster": {"server": "http://127.0.0.1:1/t"}}]


def command(unpacked: Path, *more: str, tmp: Path) -> subprocess.Popen[str]:
    argv = [PYTHON, "-m", "bugbundle", "replay", str(unpacked), *more]
    env = {**os.environ, "TMPDIR": str(tmp)}
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stays_until_a_signal_and_cleans_up(number: int, unpacked: Path, temporary: Path) -> None:
    process = command(unpacked, "--plain", tmp=temporary)
    assert process.stdout
    name, _, place = process.stdout.readline().strip().partition("=")
    assert name == "export KUBECONFIG"
    assert json.loads(Path(place).read_text())["clusters"][0]["cluster"]["server"].startswith("http://127.0.0.1:")
    process.send_signal(number)
    assert process.wait(timeout=10) == 0
    assert list(temporary.iterdir()) == []


def test_a_signal_reaches_the_command(unpacked: Path, temporary: Path) -> None:
    script = "import time; print('up', flush=True); time.sleep(60)"
    process = command(unpacked, "--", PYTHON, "-c", script, tmp=temporary)
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 143
    assert time.monotonic() - began < 10
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--listen", "203.0.113.1"], 1, "cannot listen"),
        (["--port", "70000"], 2, "70000"),
    ],
)
def test_what_cannot_be(more: list[str], code: int, said: str, unpacked: Path, temporary: Path) -> None:
    process = command(unpacked, *more, tmp=temporary)
    _, told = process.communicate(timeout=20)
    assert (process.returncode, said in told, "Traceback" in told) == (code, True, False)


def test_two_at_once_do_not_meet(temporary: Path) -> None:
    from recording import Client

    from bugbundle.replay import running

    def pods(client: Client, **headers: Any) -> int:
        return client.ask("/api/v1/pods", **headers).status

    bundle = recording({"k8s/api/v1/pods.json": items("Pod")})
    with running(bundle, Address(plain=True)) as one, running(bundle, Address(plain=True)) as two:
        first, second = Client(one), Client(two)
        assert (pods(first), pods(second)) == (200, 200)
        assert pods(first, Authorization=f"Bearer {two.token}") == 401
