"""A small recorded mesh behind an API server that can be made to fail."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from bugbundle.bundle import Bundle
from bugbundle.collect.cluster import Access, connect
from bugbundle.collect.options import Options
from bugbundle.collect.run import Collection, Result
from bugbundle.replay.gate import Gate
from bugbundle.replay.server import application

TOKEN = "a-token-of-the-test"
Fault = Callable[[web.Request], Awaitable[web.StreamResponse | None]]

GROUPS = {
    "kind": "APIGroupList",
    "apiVersion": "v1",
    "groups": [
        {"name": "networking.istio.io", "versions": [{"groupVersion": "networking.istio.io/v1", "version": "v1"}]},
        {"name": "example.com", "versions": [{"groupVersion": "example.com/v1", "version": "v1"}]},
    ],
}


def _resources(version: str, *rows: tuple[str, str, bool]) -> dict[str, Any]:
    found = [
        {"name": name, "kind": kind, "namespaced": inside, "verbs": ["get", "list"]} for name, kind, inside in rows
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": found}


def _list(kind: str, version: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"kind": f"{kind}List", "apiVersion": version, "metadata": {"resourceVersion": "7"}, "items": list(items)}


def pod(namespace: str, name: str, containers: list[str], **more: Any) -> dict[str, Any]:
    """A running pod; `labels`, `phase`, `restarts`, `running` (names) as wanted."""
    running = more.get("running", containers)
    states = [
        {"name": one, "restartCount": more.get("restarts", 0), "state": {"running": {}} if one in running else {}}
        for one in containers
    ]
    return {
        "metadata": {"namespace": namespace, "name": name, "labels": more.get("labels", {})},
        "spec": {"nodeName": more.get("node", ""), "containers": [{"name": one} for one in containers]},
        "status": {"phase": more.get("phase", "Running"), "containerStatuses": states},
    }


PODS = (
    pod("shop", "web", ["app", "istio-proxy"]),
    pod("istio-system", "istiod-1", ["discovery"], labels={"app": "istiod"}),
    pod("istio-system", "ztunnel-1", ["istio-proxy"], labels={"app": "ztunnel"}),
    pod("kube-system", "dns", ["dns"]),
)


def mesh(*, pods: tuple[dict[str, Any], ...] = PODS, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    """Entries of a mesh of one proxy, one istiod, one ztunnel; `without` those whose path begins so."""
    version = {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
    space = [{"metadata": {"name": name}} for name in ("istio-system", "kube-system", "shop")]
    secret = {"metadata": {"namespace": "shop", "name": "db"}, "type": "Opaque", "data": {"password": "aHVudGVyMg=="}}
    service = {"metadata": {"namespace": "shop", "name": "web"}}
    core = _resources("v1", ("namespaces", "Namespace", False), ("pods", "Pod", True),
                      ("secrets", "Secret", True), ("services", "Service", True))  # fmt: skip
    found: dict[str, Any] = {
        "bundle.json": {"format": 1, "tool": "bugbundle test", "started": "2026-11-20T18:03:11Z", "clusters": ["east"]},
        "k8s/version.json": version,
        "k8s/api.json": {"kind": "APIVersions", "versions": ["v1"]},
        "k8s/apis.json": GROUPS,
        "k8s/api/v1.json": core,
        "k8s/apis/networking.istio.io/v1.json": _resources(
            "networking.istio.io/v1", ("virtualservices", "VirtualService", True)
        ),
        "k8s/apis/example.com/v1.json": _resources("example.com/v1", ("things", "Thing", True)),
        "k8s/apis/example.com/v1/things.json": _list("Thing", "example.com/v1"),
        "k8s/apis/networking.istio.io/v1/virtualservices.json": _list("VirtualService", "networking.istio.io/v1"),
        "k8s/api/v1/namespaces.json": _list("Namespace", "v1", *space),
        "k8s/api/v1/pods.json": _list("Pod", "v1", *pods),
        "k8s/api/v1/secrets.json": _list("Secret", "v1", secret),
        "k8s/api/v1/services.json": _list("Service", "v1", service),
        "istiod/istio-system/istiod-1/debug/list.json": ["adsz", "adsz?push=true", "edsz", "mesh", "syncz"],
        "istiod/istio-system/istiod-1/debug/syncz.json": [{"proxy": "web.shop", "istio_version": "1.29.6"}],
        "istiod/istio-system/istiod-1/debug/adsz.json": {"totalClients": 1},
        "istiod/istio-system/istiod-1/debug/mesh.json": {"rootNamespace": "istio-system"},
        "istiod/istio-system/istiod-1/debug/config_dump/web.shop.json": {"configs": []},
        "istiod/istio-system/istiod-1/debug/edsz/web.shop.json": [],
        "istiod/istio-system/istiod-1/version.txt": "1.29.6-0-Clean",
        "proxies/shop/web/config_dump.json": {"configs": []},
        "proxies/shop/web/server_info.json": {"state": "LIVE"},
        "proxies/shop/web/ready.txt": "LIVE\n",
        "proxies/shop/web/healthz_ready.txt": "",
        "proxies/shop/web/logging.txt": "active loggers:\n  admin: warning\n",
        "ztunnel/istio-system/ztunnel-1/config_dump.json": {"workloads": {}},
        "logs/shop/web/app.log": "one\ntwo\nthree\n",
        "logs/shop/web/istio-proxy.log": "ready\n",
        "logs/istio-system/istiod-1/discovery.log": "started\n",
        "logs/istio-system/ztunnel-1/istio-proxy.log": "started\n",
    }
    texts = {path: body if isinstance(body, str) else json.dumps(body) for path, body in found.items()}
    return {path: text.encode() for path, text in texts.items() if not path.startswith(without or ("\0",))}


class Server:
    """What a test sees of the server: its URL, and how often what was asked (`METHOD path?query`)."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: Counter[str] = Counter()

    def count(self, word: str) -> int:
        """How many requests had this in their path and query."""
        return sum(number for request, number in self.asked.items() if word in request)


@contextmanager
def serving(entries: dict[str, bytes], fault: Fault | None = None) -> Iterator[Server]:
    """The mesh behind an API server; `fault` may answer first, or give None to let it be answered."""
    server, ready, loop, stop = Server(), threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    @web.middleware
    async def faults(request: web.Request, handler: Any) -> web.StreamResponse:
        server.asked[f"{request.method} {request.rel_url.raw_path_qs}"] += 1
        found = await fault(request) if fault else None
        return found if found is not None else await handler(request)

    async def run() -> None:
        app = application(Bundle.from_entries(entries), Gate(TOKEN, "127.0.0.1"))
        app.middlewares.append(faults)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)


def kubeconfig(folder: Path, url: str, token: str = TOKEN, namespace: str = "") -> str:
    """The path of a kubeconfig for a server."""
    context = {"cluster": "east", "user": "me", **({"namespace": namespace} if namespace else {})}
    place = folder / "kubeconfig"
    place.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "east", "cluster": {"server": url}}],
                "users": [{"name": "me", "user": {"token": token}}],
                "contexts": [{"name": "here", "context": context}],
                "current-context": "here",
            }
        )
    )
    return str(place)


def collected(folder: Path, server: Server, **options: Any) -> Result:
    """A collection from the server into `folder`/made.tar.zst."""
    cluster = connect(Access(kubeconfig(folder, server.url)))
    chosen = Options(**{"seconds": 5.0, "budget": 60.0, **options})
    return Collection(cluster, chosen, lambda stage, done, total: None).write(folder / "made.tar.zst")
