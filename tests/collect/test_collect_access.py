"""The way in: kubeconfigs, credential plugins, rights; what is wrong is said as kubectl says it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from mesh_with_faults import TOKEN, collected, kubeconfig, mesh, serving

from bugbundle.bundle import open_bundle
from bugbundle.collect.cluster import Access, ClusterError, connect
from bugbundle.collect.options import Options
from bugbundle.collect.run import Collection


def changed(folder: Path, url: str, **parts: Any) -> str:
    """A kubeconfig with another user, or other clusters."""
    place = Path(kubeconfig(folder, url))
    whole = json.loads(place.read_text())
    place.write_text(json.dumps({**whole, **parts}))
    return str(place)


def with_plugin(folder: Path, url: str, script: str, **more: str) -> str:
    plugin = folder / "plugin"
    plugin.write_text(f"#!/bin/sh\n{script}\n")
    plugin.chmod(plugin.stat().st_mode | stat.S_IXUSR)
    config = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": str(plugin),
        "interactiveMode": "Never",
        **more,
    }
    return changed(folder, url, users=[{"name": "me", "user": {"exec": config}}])


def login(token: str) -> str:
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}
    return f"echo '{json.dumps(credential)}'"


def test_a_plugin_that_works(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        place = with_plugin(tmp_path, server.url, login(TOKEN))
        made = Collection(connect(Access(place)), Options(), lambda *_: None).write(tmp_path / "made.tar.zst")
    assert made.gaps == []


def test_a_plugin_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    place = with_plugin(tmp_path, "http://127.0.0.1:1", "echo 'it has expired: aws sso login' >&2; exit 255")
    with pytest.raises(ClusterError) as raised:
        connect(Access(place))
    plugin = tmp_path / "plugin"
    assert raised.value.what == (
        f"getting credentials: exec: executable {plugin} failed with exit code 255: it has expired: aws sso login"
    )
    assert raised.value.todo == f"Run {plugin} by hand, or log in again"


def test_a_plugin_that_is_missing_is_told_with_its_hint(tmp_path: Path) -> None:
    place = with_plugin(
        tmp_path, "http://127.0.0.1:1", "", command="no-such-plugin", installHint="Install it from here."
    )
    with pytest.raises(ClusterError) as raised:
        connect(Access(place))
    assert raised.value.what == "getting credentials: exec: executable no-such-plugin not found"
    assert raised.value.todo == "Install it from here"


def test_a_plugin_is_asked_again_when_its_token_has_expired(tmp_path: Path) -> None:
    valid = ["first"]

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/services") and len(valid) == 1:
            valid.append("second")
            (tmp_path / "plugin").write_text(f"#!/bin/sh\n{login('second')}\n")
        if request.headers.get("Authorization") != f"Bearer {valid[-1]}":
            return web.json_response({"kind": "Status", "message": "Unauthorized"}, status=401)
        return None

    with serving(mesh(), fault) as server:
        place = with_plugin(tmp_path, f"{server.url}/{TOKEN}", login("first"))
        made = Collection(connect(Access(place)), Options(), lambda *_: None).write(tmp_path / "made.tar.zst")
    assert made.gaps == []


def test_a_context_of_a_cluster_that_is_not_there(tmp_path: Path) -> None:
    place = changed(tmp_path, "http://127.0.0.1:1", clusters=[])
    with pytest.raises(ClusterError) as raised:
        connect(Access(place))
    assert raised.value.text == (
        f"{place}: the current context names the cluster 'east', which is not in it. See kubectl config get-clusters"
    )


def test_without_any_right_the_role_is_printed_all_the_same(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path == "/version":
            return None
        return web.json_response({"kind": "Status", "message": "forbidden: User nobody"}, status=403)

    with serving(mesh(), fault) as server:
        collection = Collection(connect(Access(kubeconfig(tmp_path, server.url))), Options(), lambda *_: None)
        plan = collection.plan()
        role = yaml.safe_load(plan.text().partition("The rights that this takes:")[2])
        with pytest.raises(ClusterError, match="forbidden: User nobody"):
            collection.write(tmp_path / "made.tar.zst")
    rules = {
        (rule["apiGroups"][0], name) for rule in role["rules"] if "apiGroups" in rule for name in rule["resources"]
    }
    assert {("", "pods"), ("", "pods/portforward"), ("networking.istio.io", "virtualservices")} <= rules


def test_pods_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    body = json.loads(mesh()["k8s/api/v1/pods.json"])
    body["items"] += [7, {"metadata": {"name": ["x"]}}, {"metadata": {"name": "y", "namespace": "shop"}, "spec": 3}]
    with serving({**mesh(), "k8s/api/v1/pods.json": json.dumps(body).encode()}) as server:
        made = open_bundle(collected(tmp_path, server).path)
    assert "proxies/shop/web/config_dump.json" in made


def test_a_server_that_does_not_answer_is_told_after_ten_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bugbundle.collect.run.FIRST", 0.5)
    asked = 0

    async def fault(request: web.Request) -> web.StreamResponse | None:
        nonlocal asked
        asked += 1
        import asyncio

        await asyncio.sleep(20)
        return None

    with serving(mesh(), fault) as server:
        collection = Collection(connect(Access(kubeconfig(tmp_path, server.url))), Options(), lambda *_: None)
        with pytest.raises(ClusterError, match="no answer in time"):
            collection.plan()
    assert asked == 1
