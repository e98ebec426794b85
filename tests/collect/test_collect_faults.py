"""A cluster that refuses, stalls, cuts off: what can be had is had, what cannot is a gap with its reason."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from mesh_with_faults import PODS, collected, kubeconfig, mesh, pod, serving

from bugbundle.bundle import open_bundle
from bugbundle.collect.cluster import Access, ClusterError, connect
from bugbundle.collect.options import Options
from bugbundle.collect.run import Collection, default_name


def status(code: int, message: str, **headers: str) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}
    return web.json_response(body, status=code, headers=headers)


def told(result: Any) -> dict[str, tuple[int, str]]:
    return {gap.path: (gap.status, gap.reason) for gap in result.gaps}


def test_secrets_lose_their_values_before_they_are_written(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        whole = request.path == "/api/v1/secrets"
        return web.Response(body=mesh()["k8s/api/v1/secrets.json"], content_type="application/json") if whole else None

    with serving(mesh(), fault) as server:
        made = open_bundle(collected(tmp_path, server).path)
    assert b"aHVudGVyMg==" not in made["k8s/api/v1/secrets.json"]
    assert b'"name":"db"' in made["k8s/api/v1/secrets.json"].replace(b": ", b":")
    assert made.manifest is not None
    assert sum(made.manifest.redacted.values()) >= 1


def test_only_reads_and_the_one_post(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        made = open_bundle(collected(tmp_path, server).path)
    assert {request.split()[0] for request in server.asked} == {"GET"}
    assert made.entry("proxies/shop/web/logging.txt").request == "POST /logging"
    assert {entry.request.split()[0] for entry in map(made.entry, made) if entry.request} == {"GET", "POST"}
    assert not any("push=true" in made.entry(path).request for path in made)


def test_pages_that_act_are_never_asked() -> None:
    from bugbundle.collect.mesh import pages
    from bugbundle.collect.reply import Reply

    listed = ["adsz", "adsz?push=true", "cachez", "cachez?clear=true", "force_disconnect", "pprof", "../x", 7, "edsz"]
    assert pages(Reply(200, json.dumps(listed).encode())) == ["adsz", "cachez"]


def test_dumps_of_one_proxy_are_asked_back_to_back(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        made = open_bundle(collected(tmp_path, server).path)
    told_at = made.at("istiod/istio-system/istiod-1/debug/config_dump/web.shop.json")
    own_at = made.at("proxies/shop/web/config_dump.json")
    assert told_at is not None
    assert own_at is not None
    assert abs((own_at - told_at).total_seconds()) < 2
    entry = made.entry("proxies/shop/web/config_dump.json")
    assert (entry.route, entry.attempts, entry.target) == ("port-forward", 1, "proxy web.shop:15000")


def test_where_all_namespaces_are_forbidden_each_is_asked(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        path = request.path
        if path in ("/api/v1/pods", "/api/v1/secrets") or path.endswith(("kube-system/pods", "/secrets")):
            return status(403, f"{path} is forbidden")
        return None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
    made = open_bundle(result.path)
    assert told(result) == {
        "k8s/api/v1/pods.json": (403, "/api/v1/pods is forbidden"),
        "k8s/api/v1/namespaces/kube-system/pods.json": (403, "/api/v1/namespaces/kube-system/pods is forbidden"),
        "k8s/api/v1/secrets.json": (403, "/api/v1/secrets is forbidden"),
    }
    assert made.entry("k8s/api/v1/namespaces/shop/pods.json").request == "GET /api/v1/namespaces/shop/pods"
    assert "proxies/shop/web/config_dump.json" in made
    assert result.partial


def test_without_a_list_of_namespaces_those_that_are_known_are_asked(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        whole = request.path.startswith("/api/v1/") and request.path.count("/") == 3
        return status(403, "not everywhere") if whole else None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
    made = open_bundle(result.path)
    lists = {path for path in made if path.startswith("k8s/api/v1/")}
    assert lists == {
        f"k8s/api/v1/namespaces/{namespace}/{name}.json"
        for name in ("pods", "secrets", "services")
        for namespace in ("default", "istio-system")
    }
    assert set(told(result)) == {f"k8s/api/v1/{name}.json" for name in ("namespaces", "pods", "secrets", "services")}
    assert "istiod/istio-system/istiod-1/debug/config_dump/web.shop.json" in made
    assert "proxies/shop/web/config_dump.json" not in made


def test_a_busy_server_is_asked_again_when_it_says(tmp_path: Path) -> None:
    times: list[float] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/api/v1/services":
            return None
        times.append(time.monotonic())
        return status(429, "too many", **{"Retry-After": "1"}) if len(times) == 1 else None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
    assert result.gaps == []
    assert times[1] - times[0] >= 1
    assert open_bundle(result.path).entry("k8s/api/v1/services.json").attempts == 2


def test_lost_connections_and_cut_bodies_are_tried_again_then_gaps(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        assert request.transport is not None
        if request.path == "/api/v1/services":
            request.transport.abort()
            return web.Response()
        if request.path == "/api/v1/secrets":
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b'{"kind":"SecretList","items":[')
            request.transport.close()
            return response
        return None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
        assert (server.count("/api/v1/services"), server.count("/api/v1/secrets")) == (3, 3)
    assert told(result) == {
        "k8s/api/v1/services.json": (0, "the connection was lost"),
        "k8s/api/v1/secrets.json": (0, "the answer was cut off"),
    }
    assert "logs/shop/web/app.log" in open_bundle(result.path)


def test_a_server_that_stalls_costs_its_time_and_no_more(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path == "/api/v1/services":
            await asyncio.sleep(30)
        return None

    begun = time.monotonic()
    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server, seconds=0.5)
    assert time.monotonic() - begun < 15
    assert told(result) == {"k8s/api/v1/services.json": (0, "no answer in time")}


def test_the_end_of_the_budget_is_the_end(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path.endswith("/log"):
            await asyncio.sleep(30)
        return None

    begun = time.monotonic()
    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server, seconds=20, budget=4)
    assert time.monotonic() - begun < 15
    made = open_bundle(result.path)
    assert result.ended
    assert made.manifest is not None
    assert {path for path in made.gaps if path.startswith("logs/")} == {
        path for path in mesh() if path.startswith("logs/")
    }
    assert "proxies/shop/web/config_dump.json" in made


def test_pages_of_a_list_are_joined_item_by_item(tmp_path: Path) -> None:
    items = [b'{"metadata":{"name":"a","namespace":"shop"},"x":1.50}', b'{"metadata":{"name":"b"}}', b'{"y":"\\u003c"}']
    asked: list[dict[str, str]] = []

    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/api/v1/services":
            return None
        asked.append(dict(request.query))
        at = int(request.query.get("continue", "0"))
        token = b',"continue":"%d"' % (at + 1) if at < 2 else b""
        meta = b'{"resourceVersion":"7"' + token + b"}"
        body = b'{"kind":"ServiceList","apiVersion":"v1","metadata":' + meta + b',"items":[' + items[at] + b"]}"
        return web.Response(body=body, content_type="application/json")

    with serving(mesh(), fault) as server:
        made = open_bundle(collected(tmp_path, server).path)
    head = b'{"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":['
    assert made["k8s/api/v1/services.json"] == head + b",".join(items) + b"]}"
    assert made.entry("k8s/api/v1/services.json").request == "GET /api/v1/services"
    assert asked == [
        {"resourceVersion": "0", "limit": "500"},
        {"limit": "500", "continue": "1"},
        {"limit": "500", "continue": "2"},
    ]


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"items":', b'{"metadata":{"continue":"x"},"items":7}'])
def test_lists_that_are_none(tmp_path: Path, body: bytes) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        odd = request.path in ("/api/v1/services", "/api/v1/namespaces")
        return web.Response(body=body, content_type="application/json") if odd else None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
    gap = (200, "the answer is not a list in JSON")
    assert told(result) == {"k8s/api/v1/services.json": gap, "k8s/api/v1/namespaces.json": gap}
    assert "proxies/shop/web/config_dump.json" in open_bundle(result.path)


def test_an_expired_page_starts_the_list_anew(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path != "/api/v1/services" or request.query == {"resourceVersion": "0"}:
            return None
        if "continue" in request.query:
            return status(410, "expired")
        body = {"kind": "ServiceList", "apiVersion": "v1", "metadata": {"continue": "x"}, "items": []}
        return web.json_response(body)

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
    assert open_bundle(result.path)["k8s/api/v1/services.json"] == mesh()["k8s/api/v1/services.json"]


async def _exec(request: web.Request) -> web.StreamResponse:
    """`pilot-agent request GET /server_info` works, everything else fails."""
    socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
    await socket.prepare(request)
    words = request.query.getall("command")
    if words == ["pilot-agent", "request", "GET", "server_info"]:
        await socket.send_bytes(b'\x01{"state":')
        await socket.send_bytes(b'\x01"LIVE"}')
        await socket.send_bytes(b'\x03{"status":"Success"}')
    else:
        await socket.send_bytes(b"\x02Error: no\n")
        await socket.send_bytes(b'\x03{"status":"Failure","message":"exit status 1"}')
    await socket.close()
    return socket


def test_exec_where_port_forward_is_refused(tmp_path: Path) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        if request.path == "/api/v1/namespaces/shop/pods/web/portforward":
            return status(403, "no port-forward")
        return await _exec(request) if request.path.endswith("/pods/web/exec") else None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server)
    made = open_bundle(result.path)
    assert made["proxies/shop/web/server_info.json"] == b'{"state":"LIVE"}'
    assert made.entry("proxies/shop/web/server_info.json").route == "exec"
    gaps = told(result)
    assert gaps["proxies/shop/web/certs.json"] == (403, "port-forward: no port-forward; exec: Error: no")
    assert gaps["proxies/shop/web/metrics.txt"] == (403, "no port-forward")
    assert "istiod/istio-system/istiod-1/debug/mesh.json" in made


async def _forward(request: web.Request, answer: bytes, error: bytes = b"") -> web.StreamResponse:
    """A port that answers every request with these bytes and hangs up."""
    socket = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
    await socket.prepare(request)
    port = int(request.query["ports"]).to_bytes(2, "little")
    await socket.send_bytes(b"\x00" + port)
    await socket.send_bytes(b"\x01" + port)
    message = await socket.receive()
    if message.type is WSMsgType.BINARY:
        for at in range(0, len(answer), 7):
            await socket.send_bytes(b"\x00" + answer[at : at + 7])
        if error:
            await socket.send_bytes(b"\x01" + error)
    await socket.close()
    return socket


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", b"", "the answer was cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", b"", "the answer was cut off"),
        (b"", b"", "the connection was closed without an answer"),
        (b"", b"an error: dial tcp4 127.0.0.1:15000: connection refused", "an error: dial tcp4 127.0.0.1:15000"),
        (b"\x15\x03\x01\x00\x02\x02", b"", "the answer is not HTTP (BadStatusLine)"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\nfail\nure\n", b"", "fail ure"),
    ],
)
def test_ports_that_misbehave(tmp_path: Path, answer: bytes, error: bytes, reason: str) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        mine = request.path.endswith("/pods/web/portforward") and request.query.get("ports") == "15000"
        return await _forward(request, answer, error) if mine else None

    with serving(mesh(), fault) as server:
        result = collected(tmp_path, server, seconds=3)
    made = open_bundle(result.path)
    gap = made.gap("proxies/shop/web/certs.json")
    assert gap is not None
    assert gap.reason.startswith(reason)
    assert (gap.target, gap.request) == ("proxy web.shop:15000", "GET /certs")
    assert "proxies/shop/web/healthz_ready.txt" in made
    assert "istiod/istio-system/istiod-1/debug/config_dump/web.shop.json" in made
    ready = "proxies/shop/web/ready.txt"
    kept = made.entry(ready).status if ready in made else None
    assert kept == (503 if answer.startswith(b"HTTP/1.1 503") else None)


def test_a_proxy_that_does_not_run_is_not_asked(tmp_path: Path) -> None:
    waiting = pod("shop", "web", ["app", "istio-proxy"], running=["app"], phase="Pending")
    done = pod("shop", "job", ["app", "istio-proxy"], running=[], phase="Succeeded")
    with serving(mesh(pods=(waiting, done, *PODS[1:]))) as server:
        result = collected(tmp_path, server)
        assert server.count("web/portforward") == 0
    reason = (0, "container istio-proxy is not running, the pod is Pending")
    assert {gap for path, gap in told(result).items() if path.startswith("proxies/shop/web/")} == {reason}
    assert not any("shop/job" in path for path in told(result) if path.startswith("proxies/"))


def test_namespaces_that_are_named_are_the_only_ones(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        result = collected(tmp_path, server, namespaces=("shop",))
        assert server.count("GET /api/v1/pods") == 0
    made = open_bundle(result.path)
    lists = {path for path in made if path.endswith(("pods.json", "services.json", "virtualservices.json"))}
    assert lists == {
        f"k8s/{root}/namespaces/{namespace}/{name}.json"
        for root, name in (
            ("api/v1", "pods"),
            ("api/v1", "services"),
            ("apis/networking.istio.io/v1", "virtualservices"),
        )
        for namespace in ("shop", "istio-system")
    }
    assert result.gaps == []


def test_globs_add_and_leave_out(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        made = open_bundle(
            collected(tmp_path, server, include=("k8s/apis/example.com/*",), exclude=("*/secrets.json", "logs/*")).path
        )
        assert server.count("secrets") == 0
    assert "k8s/apis/example.com/v1/things.json" in made
    assert not made.paths("logs/")
    assert "k8s/api/v1/secrets.json" not in made


def test_logs_before_a_restart_and_the_end_of_long_ones(tmp_path: Path) -> None:
    web_pod = pod("shop", "web", ["app", "istio-proxy"], restarts=2)
    entries = {**mesh(pods=(web_pod, *PODS[1:])), "logs/shop/web/app.previous.log": b"before\n"}
    with serving(entries) as server:
        made = open_bundle(collected(tmp_path, server, log_bytes=10).path)
    assert made["logs/shop/web/app.previous.log"] == b"before\n"
    assert made.entry("logs/shop/web/app.previous.log").request == (
        "GET /api/v1/namespaces/shop/pods/web/log?container=app&previous=true"
    )
    assert made["logs/shop/web/app.log"] == b"three\n"
    assert "logs/kube-system/dns/dns.log" not in made


@pytest.mark.parametrize(
    ("code", "path", "words"),
    [
        (401, "", "does not accept these credentials"),
        (403, "", "forbids it (no)"),
        (500, "/api", "HTTP 500"),
    ],
)
def test_clusters_that_cannot_be_asked(tmp_path: Path, code: int, path: str, words: str) -> None:
    async def fault(request: web.Request) -> web.StreamResponse | None:
        return status(code, "no") if request.path.startswith(path) else None

    with serving(mesh(), fault) as server, pytest.raises(ClusterError) as raised:
        collected(tmp_path, server)
    assert words in raised.value.text
    assert not (tmp_path / "made.tar.zst").exists()


def test_messages_hold_neither_token_nor_path(tmp_path: Path) -> None:
    place = kubeconfig(tmp_path, "https://me:pass@127.0.0.1:1/hidden", token="hush")
    with pytest.raises(ClusterError) as raised:
        Collection(connect(Access(place)), Options(seconds=2), lambda *_: None).plan()
    assert raised.value.text.startswith("https://127.0.0.1:1: connection refused.")
    assert not {"hush", "hidden", "pass"} & set(raised.value.text.replace("/", " ").split())


def test_kubeconfigs_that_are_none(tmp_path: Path) -> None:
    for text, words in (("{{{", "is not a kubeconfig"), ("{}", "no usable kubeconfig"), ("[1]", "kubeconfig")):
        place = tmp_path / "config"
        place.write_text(text)
        with pytest.raises(ClusterError, match=words):
            connect(Access(str(place)))
    with pytest.raises(ClusterError, match="no usable kubeconfig"):
        connect(Access(str(tmp_path / "absent")))
    with pytest.raises(ClusterError, match="has no context 'there'"):
        connect(Access(kubeconfig(tmp_path, "https://127.0.0.1:1"), "there"))


def test_names_of_files() -> None:
    from datetime import UTC, datetime

    when = datetime(2026, 11, 20, 18, 3, 11, tzinfo=UTC)
    assert default_name("east", when) == "bugbundle-east-20261120T180311Z.tar.zst"
    assert default_name("arn:aws:eks:x/../y", when) == "bugbundle-arn-aws-eks-x-..-y-20261120T180311Z.tar.zst"
    assert default_name("", when) == "bugbundle-cluster-20261120T180311Z.tar.zst"


def test_no_thread_is_left_waiting(tmp_path: Path) -> None:
    with serving(mesh()) as server:
        collected(tmp_path, server)
    deadline = time.monotonic() + 5
    while any(one.name.startswith("collect-") for one in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [one.name for one in threading.enumerate() if one.name.startswith("collect-")]
