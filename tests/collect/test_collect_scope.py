"""Who is asked, in which order, and how much may come of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from mesh_with_faults import collected, mesh, pod, serving

from bugbundle.bundle import open_bundle
from bugbundle.collect.order import ordered
from bugbundle.collect.pods import Pod, read_pods
from bugbundle.collect.scope import Selection, Spec
from bugbundle.errors import UsageError


def made(**fields: Any) -> Pod:
    found = {
        "namespace": "shop",
        "name": "web-1",
        "kind": "proxy",
        "phase": "Running",
        "containers": ("app", "istio-proxy"),
    }
    rest = {"running": frozenset(("app", "istio-proxy")), "restarted": frozenset[str](), "workload": "web"}
    return Pod(**{**found, **rest, **fields})


@pytest.mark.parametrize(
    ("spec", "matches"),
    [
        ("shop", True), ("pay,shop", True), ("pay", False), ("s*", True), ("*", True), ("", True),
        ("shop/web", True), ("shop/api", False), ("//web-*", True), ("//api-*", False), ("/web/", True),
        ("n*//p*/l=v*", False), ("shop//w*/app=w*", True), ("///app=web,tier=front", True), ("///app=api", False),
        ("////team=a", True), ("////team=b", False), ("/////istio-*", True), ("/////app", True), ("/////x", False),
    ],
)  # fmt: skip
def test_the_grammar_of_bug_report(spec: str, matches: bool) -> None:
    one = made(labels={"app": "web", "tier": "front"}, annotations={"team": "a"})
    assert any(Spec.parse(spec).matches(one, container) for container in one.containers) is matches


@pytest.mark.parametrize("spec", ["a/b/c/d/e/f/g", "///app", "///a*=b", "///a=b=c"])
def test_what_is_none(spec: str) -> None:
    with pytest.raises(UsageError):
        Spec.parse(spec)


def test_excluding_a_container_leaves_the_pod() -> None:
    selection = Selection(exclude=(Spec.parse("/////app"),))
    assert (selection.pod(made()), selection.container(made(), "app")) == (True, False)
    assert selection.container(made(), "istio-proxy")
    assert not Selection(exclude=(Spec.parse("shop"),)).pod(made())
    assert Selection(exclude=(Spec.parse("istio-system"),)).pod(made(kind="istiod", namespace="istio-system"))


def test_revisions_and_single_proxies() -> None:
    assert Selection(revision="canary").pod(made(labels={"istio.io/rev": "canary"}))
    assert not Selection(revision="canary").pod(made())
    assert Selection(revision="default").pod(made())
    assert Selection(proxies=("web-1.shop",)).pod(made())
    assert not Selection(proxies=("web-2.shop",)).pod(made())
    assert not Selection(proxies=("web-1.shop",)).pod(made(kind="", name="plain"))


def test_what_matters_comes_first_and_the_rest_is_spread() -> None:
    gateway = made(name="gateway", workload="gateway", containers=("istio-proxy",))
    waypoint = made(
        name="waypoint", containers=("istio-proxy",), labels={"gateway.istio.io/managed": "istio.io-mesh-controller"}
    )
    pods = [
        *(made(name=f"a-{n}", workload="a", node=f"n{n % 2}") for n in range(3)),
        *(made(name=f"b-{n}", workload="b", node=f"n{n % 2}") for n in range(2)),
        made(name="ztunnel", kind="ztunnel"), waypoint, gateway, made(name="broken", well=False),
        made(name="istiod", kind="istiod", well=False),
    ]  # fmt: skip
    names = [pod.name for pod in ordered(pods)]
    assert names == ["istiod", "broken", "gateway", "waypoint", "ztunnel", "a-0", "b-0", "a-1", "b-1", "a-2"]


def test_a_workload_is_known_by_its_owner() -> None:
    one = pod("shop", "web-5d4f-x", ["app"])
    one["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "web-5d4f"}]
    assert [pod.workload for pod in read_pods([json.dumps({"items": [one]}).encode()])] == ["web"]


def test_the_profile_minimal_asks_for_what_analyze_needs_most(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        found = open_bundle(collected(tmp_path, server, profile="minimal").path)
        assert server.count("tailLines=500") == len(found.paths("logs/"))
    assert sorted(found.paths("logs/")) == [
        "logs/istio-system/istiod-1/discovery.log",
        "logs/istio-system/ztunnel-1/istio-proxy.log",
        "logs/shop/web/istio-proxy.log",
    ]
    assert "proxies/shop/web/config_dump.json" in found
    assert "proxies/shop/web/logging.txt" not in found


def test_lines_up_to_a_time_are_kept_as_they_were(tmp_path: Path) -> None:
    log = b"2026-11-20T18:00:00.5Z one\n2026-11-20T18:01:00.5Z two\n"
    with serving({**mesh(), "logs/shop/web/app.log": log}) as server:
        result = collected(tmp_path, server, until_time="2026-11-20T18:00:30Z")
        assert server.count("timestamps=true") > 0
    assert open_bundle(result.path).entry("logs/shop/web/app.log").request.endswith("?container=app&timestamps=true")


@pytest.mark.parametrize("limit", [60_000, 200_000])
def test_the_file_is_not_larger_than_it_may_be(tmp_path: Path, limit: int) -> None:
    import random

    noise = random.Random(1)
    entries = {**mesh(), "logs/shop/web/app.log": noise.randbytes(300_000).hex().encode()}
    entries["proxies/shop/web/stats.txt"] = noise.randbytes(40_000).hex().encode()
    with serving(entries) as server:
        result = collected(tmp_path, server, max_size=limit)
    found = open_bundle(result.path)
    assert result.path.stat().st_size <= limit
    assert {gap.reason for gap in result.gaps} == {"left out: the file would be larger than --max-size"}
    assert "logs/shop/web/app.log" in found.gaps
    assert "proxies/shop/web/config_dump.json" in found


def test_parts_make_the_whole(tmp_path: Path) -> None:
    paths: list[set[str]] = []
    with serving(mesh()) as server:
        for number in range(2):
            (tmp_path / str(number)).mkdir()
            paths.append(set(open_bundle(collected(tmp_path / str(number), server, shard=(number, 2)).path)))
        whole = set(open_bundle(collected(tmp_path, server).path))
    assert paths[0] | paths[1] == whole
    assert not any(path.startswith(("proxies/", "logs/", "ztunnel/")) for path in paths[0] & paths[1])


async def _no_port_forward(request: web.Request) -> web.StreamResponse | None:
    if request.path.endswith(("/portforward", "/exec")):
        return web.json_response({"kind": "Status", "message": "no"}, status=403)
    if request.path.endswith("web:15020/proxy/stats/prometheus"):
        return web.Response(text="istio_agent 1\n")
    return None


def test_without_port_forward_open_ports_are_asked_through_the_pods_proxy(tmp_path: Path) -> None:
    with serving(mesh(), _no_port_forward) as server:
        found = open_bundle(collected(tmp_path, server).path)
    entry = found.entry("proxies/shop/web/metrics.txt")
    assert (found[entry.path], entry.route) == (b"istio_agent 1\n", "pod proxy")
    assert found.gaps["proxies/shop/web/certs.json"].status == 403


def test_what_is_forbidden_twice_is_not_tried_for_the_others(tmp_path: Path) -> None:
    pods = tuple(pod("shop", f"web-{number}", ["istio-proxy"]) for number in range(6))
    with serving(mesh(pods=pods), _no_port_forward) as server:
        collected(tmp_path, server, concurrency=1)
        assert server.count("/portforward") == 2
