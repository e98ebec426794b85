"""Unmodified clients against a recording: kubectl by websocket and by SPDY, the Python client, gRPC."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator

import captures
import pytest

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.replay.server import Address
from bugbundle.replay.session import session


@pytest.fixture(scope="module")
def recording() -> Bundle:
    path = captures.sample("waypoint-missing")
    if not path.is_file():
        pytest.skip("the sample bundles are not made (make samples)")
    return open_bundle(path)


@pytest.fixture(scope="module")
def environment(recording: Bundle) -> Iterator[dict[str, str]]:
    with session(recording, Address()) as known:
        yield {**os.environ, **known}


@pytest.fixture(scope="module")
def proxy(recording: Bundle) -> tuple[str, str]:
    """Namespace and name of a recorded sidecar whose pod is in the recording's list."""
    pods = json.loads(recording["k8s/api/v1/pods.json"])["items"]
    running = {(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods}
    for path in recording.paths("proxies/", "/config_dump.json"):
        _, namespace, pod, _ = path.split("/")
        if (namespace, pod) in running:
            return namespace, pod
    pytest.skip("this recording has no proxy")


def kubectl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not on this machine")
    return subprocess.run(["kubectl", *arguments], capture_output=True, env=environment, timeout=30, check=False)


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_kubectl_exec(environment: dict[str, str], recording: Bundle, proxy: tuple[str, str], websockets: str) -> None:
    env = {**environment, "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": websockets}
    place = ("exec", "-n", proxy[0], proxy[1], "-c", "istio-proxy", "--")
    asked = kubectl(*place, "pilot-agent", "request", "GET", "config_dump?include_eds", **env)
    assert asked.stdout == recording[f"proxies/{proxy[0]}/{proxy[1]}/config_dump.json"] + b"\n"
    refused = kubectl(*place, "ls", **env)
    assert (refused.returncode, refused.stdout) == (127, b"")
    assert b"is a recording" in refused.stderr


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_kubectl_port_forward(
    environment: dict[str, str], recording: Bundle, proxy: tuple[str, str], websockets: str
) -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not on this machine")
    env = {**environment, "KUBECTL_PORT_FORWARD_WEBSOCKETS": websockets}
    command = ["kubectl", "port-forward", "-n", proxy[0], f"pod/{proxy[1]}", ":15000"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as forward:
        try:
            assert forward.stdout is not None
            line = forward.stdout.readline().decode()
            assert line.startswith("Forwarding from 127.0.0.1:"), line
            port = int(line.split(":")[1].split()[0])
            assert (
                _http(port, "/config_dump?include_eds") == recording[f"proxies/{proxy[0]}/{proxy[1]}/config_dump.json"]
            )
            assert _http(port, "/ready") == b"LIVE\n"
        finally:
            forward.terminate()


def _http(port: int, target: str) -> bytes:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", target)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_the_python_client(environment: dict[str, str], recording: Bundle, proxy: tuple[str, str]) -> None:
    from kubernetes import client, config, stream

    config.load_kube_config(environment["KUBECONFIG"])
    api = client.CoreV1Api()
    forward = stream.portforward(api.connect_get_namespaced_pod_portforward, proxy[1], proxy[0], ports="15000,9")
    try:
        one = forward.socket(15000)
        one.settimeout(10)
        one.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _read(one).endswith(b"\r\n\r\nLIVE\n")
        absent = forward.socket(9)
        absent.settimeout(10)
        absent.sendall(b"hello")
    finally:
        forward.close()
    command = ["curl", "-s", "localhost:15000/memory"]
    words = stream.stream(
        api.connect_get_namespaced_pod_exec, proxy[1], proxy[0], command=command,
        stdout=True, stderr=True, stdin=False, tty=False, _preload_content=False,
    )  # fmt: skip
    words.run_forever(timeout=10)
    assert words.read_stdout().encode() == recording[f"proxies/{proxy[0]}/{proxy[1]}/memory.json"]
    assert words.returncode == 0


def _read(one: socket.socket) -> bytes:
    said = b""
    while b"LIVE" not in said and (data := one.recv(4096)):
        said += data
    return said
