"""istiod's XDS debug types, asked by a gRPC client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import captures
import grpc
import pytest
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from envoy.service.status.v3 import csds_pb2
from google.protobuf import json_format
from small_mesh import ISTIOD, SYNCZ, pages

from bugbundle.bundle import open_bundle
from bugbundle.replay.pages import Pages
from bugbundle.replay.stream.carrier import RawCarrier
from bugbundle.replay.stream.clients import Client, TypeState, clients
from bugbundle.replay.stream.forward import connect
from bugbundle.replay.stream.xds import sections

TYPE = "type.googleapis.com/envoy.config."


@asynccontextmanager
async def forwarded(some: Pages, port: int, pod: tuple[str, str] = ISTIOD) -> AsyncIterator[str]:
    """A local address whose connections go to a port of a recorded pod, as port-forward makes one."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await connect(some, *pod, port, RawCarrier(reader, writer)) == ""
        writer.close()

    listener = await asyncio.start_server(one, "127.0.0.1", 0)
    async with listener:
        yield f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def ask(stub: Any, type_url: str, *names: str) -> Any:
    """The answer to one request that carries a made-up nonce, as istioctl's does; then its acknowledgement."""

    async def requests() -> AsyncIterator[Any]:
        yield discovery_pb2.DiscoveryRequest(type_url=type_url, resource_names=names, response_nonce="made up")
        yield discovery_pb2.DiscoveryRequest(type_url=type_url, response_nonce="recorded")
        await asyncio.sleep(0.1)

    answers = [answer async for answer in stub.StreamAggregatedResources(requests())]
    assert len(answers) == 1 and answers[0].type_url == type_url
    return answers[0]


def test_the_table_of_proxy_status() -> None:
    async def run() -> Any:
        async with forwarded(pages(), 15010) as address, grpc.aio.insecure_channel(address) as channel:
            return await ask(ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel), "istio.io/debug/syncz")

    answer = asyncio.run(run())
    assert json.loads(answer.control_plane.identifier) == {
        "Component": "istiod",
        "ID": "istiod-1",
        "Info": {"version": "1.29.6", "revision": "abc", "status": "Clean", "tag": "1.29.6"},
    }
    configs = []
    for resource in answer.resources:
        config = csds_pb2.ClientConfig()
        assert resource.Unpack(config)
        configs.append(json_format.MessageToDict(config))
    web, ztunnel = configs
    moved = web["genericXdsConfigs"][0].pop("lastUpdated")
    age = datetime.now(UTC) - datetime.fromisoformat(moved)
    assert timedelta(seconds=119) < age < timedelta(seconds=150)  # Captured two minutes after it was sent.
    attempt = web["genericXdsConfigs"][2].pop("lastUpdated")
    assert web == {
        "node": {
            "id": "web.shop",
            "metadata": {"CLUSTER_ID": "Kubernetes", "NAMESPACE": "shop", "ISTIO_VERSION": "1.29.6"},
        },
        "genericXdsConfigs": [
            {"typeUrl": TYPE + "cluster.v3.Cluster", "configStatus": "SYNCED"},
            {"typeUrl": TYPE + "endpoint.v3.ClusterLoadAssignment", "configStatus": "NOT_SENT"},
            {
                "typeUrl": TYPE + "listener.v3.Listener",
                "configStatus": "ERROR",
                "errorState": {"details": "bad filter", "lastUpdateAttempt": attempt},
            },
            {"typeUrl": TYPE + "route.v3.RouteConfiguration", "configStatus": "STALE"},
        ],
    }
    assert ztunnel["node"]["metadata"] == {"CLUSTER_ID": "Kubernetes", "NAMESPACE": "istio-system"}


def test_over_tls_a_config_dump_and_a_debug_page() -> None:
    async def run() -> tuple[Any, Any, Any]:
        async with forwarded(pages(), 15012) as address:
            certificate = await asyncio.to_thread(_certificate, address)
            credentials = grpc.ssl_channel_credentials(certificate)
            options = [("grpc.ssl_target_name_override", "istiod.istio-system.svc")]
            async with grpc.aio.secure_channel(address, credentials, options) as channel:
                stub = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel)
                return (
                    await ask(stub, "istio.io/debug/config_dump", "web.shop"),
                    await ask(stub, "istio.io/debug/config_dump", "nosuch.shop&types=cds"),
                    await ask(stub, "istio.io/debug", "list"),
                )

    dump, none, page = asyncio.run(run())
    assert [resource.type_url.rpartition(".")[2] for resource in dump.resources] == [
        "BootstrapConfigDump",
        "ClustersConfigDump",
    ]
    cluster = json_format.MessageToDict(dump.resources[1])["dynamicActiveClusters"][0]["cluster"]
    assert (cluster["name"], cluster["connectTimeout"]) == ("outbound|80||a", "10s")
    unknown = cluster["typedExtensionProtocolOptions"]["x"]
    assert unknown == {"@type": "type.googleapis.com/nowhere.published.Thing"}
    assert not none.resources
    assert [(item.type_url, item.value) for item in page.resources] == [("istio.io/debug", b'["syncz"]')]


def _certificate(address: str) -> bytes:
    import ssl

    host, port = address.split(":")
    return ssl.get_server_certificate((host, int(port))).encode()


@pytest.mark.parametrize(("type_url", "names"), [("istio.io/nosuch", ()), ("istio.io/debug", ("a", "b"))])
def test_what_istiod_was_not_asked_is_an_error_of_grpc(type_url: str, names: tuple[str, ...]) -> None:
    async def run() -> None:
        async with forwarded(pages(), 15010) as address, grpc.aio.insecure_channel(address) as channel:
            await ask(ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel), type_url, *names)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        asyncio.run(run())
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_an_istiod_before_1_23_tells_nonces_only() -> None:
    row = {"proxy": "a.b", "istio_version": "1.20.0", "cluster_sent": "x", "cluster_acked": "x", "route_sent": "y"}
    (client,) = clients(json.dumps([row]).encode(), timedelta())
    assert client == Client(
        "a.b",
        {"NAMESPACE": "b", "ISTIO_VERSION": "1.20.0"},
        (
            TypeState(TYPE + "cluster.v3.Cluster", "SYNCED"),
            TypeState(TYPE + "core.v3.TypedExtensionConfig", "NOT_SENT"),
            TypeState(TYPE + "endpoint.v3.ClusterLoadAssignment", "NOT_SENT"),
            TypeState(TYPE + "listener.v3.Listener", "NOT_SENT"),
            TypeState(TYPE + "route.v3.RouteConfiguration", "STALE"),
        ),
    )


@pytest.mark.parametrize("body", ["", "{}", "[1, {}]", '[{"proxy": 3, "istio_version": "1"}]', "null"])
def test_an_odd_syncz_has_no_clients(body: str) -> None:
    assert clients(body.encode(), timedelta()) == []


def test_odd_times_are_left_out() -> None:
    odd = json.loads(json.dumps(SYNCZ[:1]))
    for number, state in enumerate(odd[0]["resources"].values()):
        state["sentTime"] = ["yesterday", 3, "2026-01-01T00:00:00", "9999-12-31T23:59:59Z"][number]
    (client,) = clients(json.dumps(odd).encode(), timedelta(days=2))
    assert [state.sent for state in client.types] == [None] * 4


@pytest.mark.parametrize("body", [b"", b"[]", b'{"configs": 3}', b'{"configs": [{"@type": "x"}]}', b"[" * 5000])
def test_an_odd_dump_has_no_sections(body: bytes) -> None:
    assert sections(body) == []


def test_every_recorded_account_of_a_proxy_is_sent_whole() -> None:
    bundle = open_bundle(captures.bundle_folder("waypoint-missing"))
    paths = [path for path in bundle.paths("istiod/", ".json") if "/debug/config_dump/" in path]
    assert paths
    for path in paths:
        recorded = json.loads(bundle[path]).get("configs", [])
        sent = [json_format.MessageToDict(section) for section in sections(bundle[path])]
        assert [section["@type"] for section in sent] == [section["@type"] for section in recorded]
        assert _leaves(sent) == _leaves(recorded), path


def _leaves(value: Any) -> int:
    """How many values are in it, but for times, whose digits protobuf normalizes."""
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    if isinstance(value, list):
        return sum(map(_leaves, value))
    return 1
