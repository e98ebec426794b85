"""Unmodified kubectl on recordings: what it printed live it prints again.

Ages are compared as «an age»: live they were measured when kubectl asked, here when the list was recorded,
some seconds later; `describe` measures them by the reader's clock. Widths of columns follow from ages and are
not compared, nor is the server's address, nor the order of `logs` of several containers, which kubectl takes
from a Go map.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from captures import folder, sample
from recording import items, pod, recording

from bugbundle.bundle import Bundle, open_bundle
from bugbundle.replay import Address
from bugbundle.replay.session import session

KUBECTL = shutil.which("kubectl")
pytestmark = pytest.mark.skipif(not KUBECTL, reason="kubectl is not on this machine")

AGE = re.compile(r"\b(?:\d+[dhmsy]){1,2}\b")
URL = re.compile(r"https?://[\d.]+:\d+")
OURS = {
    "auth can-i --list": "tells this server's rights, not the live user's",
    "config view --minify": "prints the kubeconfig's own context name",
}
"""Commands whose answer is about this server, not about the recording."""


class Kubectl:
    """Runs kubectl against one recording."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.environment = {**os.environ, **environment}

    def run(self, *argv: str) -> subprocess.CompletedProcess[bytes]:
        """The finished process."""
        return subprocess.run(["kubectl", *argv], env=self.environment, capture_output=True, timeout=60, check=False)

    def out(self, *argv: str) -> str:
        """What it printed; fails where it failed."""
        done = self.run(*argv)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_sessions:
        yield open_sessions


@pytest.fixture(scope="module")
def healthy(stack: ExitStack) -> Kubectl:
    return Kubectl(stack.enter_context(session(open_bundle(folder("healthy") / "bundle"), Address())))


@pytest.fixture(scope="module")
def small(stack: ExitStack) -> Kubectl:
    two = pod("two", spec={"containers": [{"name": "app"}, {"name": "side"}]})
    entries = {
        "k8s/version.json": {"major": "1", "minor": "31", "gitVersion": "v1.31.4"},
        "k8s/api/v1/pods.json": items("Pod", pod("one"), two, pod("far", "other")),
        "k8s/api/v1/nodes.json": items("Node", {"metadata": {"name": "node-1"}}),
        "k8s/api/v1/namespaces.json": items("Namespace", {"metadata": {"name": "shop"}}),
        "k8s/api/v1/events.json": items("Event"),
        "logs/shop/one/app.log": "1\n2\n3\n",
        "logs/shop/two/app.log": "a\n",
        "logs/shop/two/side.log": "b\n",
    }
    gap = {"path": "k8s/api/v1/secrets.json", "status": 403, "reason": "secrets is forbidden to the collector"}
    discovered = {"name": "secrets", "singularName": "secret", "namespaced": True, "kind": "Secret"}
    core = {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {**discovered, "verbs": ["get", "list"]},
            *(
                {"name": f"{kind.lower()}s", "singularName": kind.lower(), "kind": kind}
                | {"namespaced": kind in ("Pod", "Event"), "verbs": ["get", "list", "watch"]}
                for kind in ("Pod", "Node", "Event", "Namespace")
            ),
        ],
    }
    bundle: Bundle = recording({**entries, "k8s/api/v1.json": core}, [gap])
    return Kubectl(stack.enter_context(session(bundle, Address(plain=True))))


def normal(text: str) -> list[str]:
    lines = AGE.sub("AGE", URL.sub("URL", text)).splitlines()
    return [re.sub(r"\s+", " ", re.sub(r"-{3,}", "---", line)).strip() for line in lines]


def client_version(told: str) -> str:
    found = re.search(r"Client Version: v(\d+\.\d+)", told)
    return found[1] if found else ""


def test_every_recorded_answer_is_given_again(healthy: Kubectl) -> None:
    root = folder("healthy") / "kubectl"
    live, here = client_version((root / "version.txt").read_text()), client_version(healthy.out("version"))
    if live != here:
        pytest.skip(f"recorded with kubectl {live}, this one is {here} and words its answers differently")
    index = json.loads((root / "index.json").read_text())
    asked = {file: entry for file, entry in index.items() if not " ".join(entry["argv"][1:]).startswith(tuple(OURS))}
    assert len(asked) >= 45
    differing = []
    for file, entry in asked.items():
        done = healthy.run(*entry["argv"][1:])
        order = sorted if entry["argv"][1] == "logs" and "-l" in entry["argv"] else list
        live = (order(normal((root / file).read_text())), normal(entry["stderr"]), entry["rc"])
        if (order(normal(done.stdout.decode())), normal(done.stderr.decode()), done.returncode) != live:
            differing.append(" ".join(entry["argv"]))
    assert differing == []


def test_recorded_json_and_yaml_to_the_byte(healthy: Kubectl) -> None:
    root = folder("healthy") / "kubectl"
    index = json.loads((root / "index.json").read_text())
    asked = {file: entry for file, entry in index.items() if entry["argv"][-2] == "-o" and entry["argv"][1] == "get"}
    exact = {file: entry for file, entry in asked.items() if entry["argv"][-1] in ("json", "yaml", "name")}
    assert len(exact) >= 4
    for file, entry in exact.items():
        live = hashlib.sha256((root / file).read_bytes()).hexdigest()
        assert hashlib.sha256(healthy.run(*entry["argv"][1:]).stdout).hexdigest() == live


def test_a_list_as_json_is_the_recorded_one(healthy: Kubectl) -> None:
    recorded = json.loads(
        (folder("healthy") / "bundle/k8s/apis/networking.istio.io/v1/virtualservices.json").read_text()
    )
    shown = json.loads(healthy.out("get", "vs", "-A", "-o", "json", "--show-managed-fields"))
    assert shown["items"] == recorded["items"]


@pytest.mark.parametrize(
    "argv",
    [
        "get all -A",
        "get pods -A -o wide",
        "get vs,dr,gw -A",
        "get nodes -o yaml",
        "describe node",
        "describe pods -n shop",
        "get events -A --sort-by=.lastTimestamp",
        "explain virtualservice.spec.http",
        "explain gateways.gateway.networking.k8s.io",
        "auth can-i get pods",
        "auth whoami",
        "cluster-info",
        "get --raw /readyz",
    ],
)
def test_commands_that_print(argv: str, healthy: Kubectl) -> None:
    done = healthy.run(*argv.split())
    assert (done.returncode, done.stderr, bool(done.stdout)) == (0, b"", True)


def test_every_listable_resource_prints_as_a_table(healthy: Kubectl) -> None:
    kinds = healthy.out("api-resources", "--verbs=list", "-o", "name").split()
    assert len(kinds) > 50
    done = healthy.run("get", ",".join(kinds), "-A", "--ignore-not-found")
    told = [line for line in done.stderr.decode().splitlines() if not line.startswith("Warning:")]
    assert (done.returncode, told) == (0, [])


def test_selectors_watch_and_logs(small: Kubectl) -> None:
    assert small.out("get", "pods", "-A", "-l", "app in (one,far)", "-o", "name") == "pod/one\npod/far\n"
    assert small.out("get", "pods", "-A", "--field-selector", "metadata.namespace=other", "-o", "name") == "pod/far\n"
    watched = small.out("get", "pods", "-n", "shop", "-w", "--request-timeout=3s").splitlines()
    assert [line.split()[0] for line in watched] == ["NAME", "one", "two"]
    assert small.out("logs", "one", "-n", "shop", "--tail=1", "-f") == "3\n"
    both = small.out("logs", "two", "-n", "shop", "--all-containers", "--prefix")
    assert sorted(both.splitlines()) == ["[pod/two/app] a", "[pod/two/side] b"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ("get pod none -n shop", 'Error from server (NotFound): pods "none" not found'),
        ("get secrets -A", "Error from server (Forbidden): secrets is forbidden to the collector"),
        ("logs one -n shop -p", 'previous terminated container "app" in pod "one" not found'),
        ("delete pod one -n shop", "this is a recording: it can be read, not changed"),
        ("label pod one -n shop a=b", "this is a recording: it can be read, not changed"),
    ],
)
def test_refusals(argv: str, said: str, small: Kubectl) -> None:
    done = small.run(*argv.split())
    assert (done.returncode, said in done.stderr.decode()) == (1, True)


@pytest.mark.parametrize(("verb", "answer"), [("list", "yes"), ("delete", "no")])
def test_can_i(verb: str, answer: str, small: Kubectl) -> None:
    assert small.run("auth", "can-i", verb, "pods").stdout.decode().split()[0] == answer


@pytest.mark.parametrize("name", ["healthy", "waypoint-missing"])
def test_samples(name: str) -> None:
    bundle = open_bundle(sample(name))
    recorded = json.loads(bundle["k8s/api/v1/pods.json"])["items"]
    with session(bundle, Address()) as environment:
        kubectl = Kubectl(environment)
        rows = [line.split()[:2] for line in kubectl.out("get", "pods", "-A").splitlines()[1:]]
        shown = json.loads(kubectl.out("get", "pods", "-A", "-o", "json", "--show-managed-fields"))
        mesh = kubectl.out("get", "virtualservices,gateways.gateway.networking.k8s.io", "-A", "-o", "name")
    assert rows == [[item["metadata"]["namespace"], item["metadata"]["name"]] for item in recorded]
    assert shown["items"] == [{"apiVersion": "v1", "kind": "Pod", **item} for item in recorded]
    assert "virtualservice.networking.istio.io/" in mesh


def test_sessions_leave_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with session(recording({"k8s/api/v1/pods.json": items("Pod")}), Address()) as environment:
        Kubectl(environment).out("get", "pods", "-A")
    assert list(tmp_path.iterdir()) == []
