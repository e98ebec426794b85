"""istiod's XDS port: the debug types that istioctl asks for. The door to grpcio, protobuf and xds-protos.

Each forwarded connection gets a gRPC server of its own on a socket in a private folder, and its bytes go to
and fro between the two; both are gone when the connection ends. Loaded only when such a port is asked.
After istio's pilot/pkg/xds/statusgen.go and debuggen.go.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import pkgutil
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # Before grpc: it would write to stderr by itself.

import grpc
from envoy.admin.v3 import config_dump_pb2
from envoy.service.discovery.v3 import ads_pb2_grpc, discovery_pb2
from envoy.service.status.v3 import csds_pb2
from google.protobuf import descriptor_pool, json_format
from google.protobuf.any_pb2 import Any as AnyMessage

from bugbundle.certificates import self_signed
from bugbundle.codec import encode
from bugbundle.errors import BugbundleError
from bugbundle.replay.pages import Pages
from bugbundle.replay.pages.layout import DEBUG
from bugbundle.replay.stream.carrier import Duplex
from bugbundle.replay.stream.clients import Client, TypeState, clients

SYNCZ = "istio.io/debug/syncz"
CONFIG_DUMP = "istio.io/debug/config_dump"
PAGE = "istio.io/debug"
NONCE = "recorded"

_TYPE = re.compile(r"type\.googleapis\.com/([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)", re.ASCII)
MAX_TYPES = 1000
PUBLISHED = ("envoy", "udpa", "xds")
"""Where the messages of xds-protos live."""
_NO_LIMIT = [("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]


async def splice(pages: Pages, namespace: str, pod: str, duplex: Duplex, *, tls: bool) -> None:
    """Serve one forwarded connection to the XDS port of an istiod, to its end."""
    server = grpc.aio.server(options=_NO_LIMIT)
    ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(_Ads(pages, namespace, pod), server)
    with tempfile.TemporaryDirectory(prefix="bugbundle-") as folder:
        path = str(Path(folder) / "xds")
        if tls:
            server.add_secure_port(f"unix:{path}", _credentials())
        else:
            server.add_insecure_port(f"unix:{path}")
        await server.start()
        try:
            reader, writer = await asyncio.open_unix_connection(path)
            await _both_ways(duplex, reader, writer)
        finally:
            await server.stop(None)


async def _both_ways(duplex: Duplex, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until either side ends."""

    async def there() -> None:
        while data := await duplex.read():
            writer.write(data)
            await writer.drain()

    async def back() -> None:
        while data := await reader.read(65536):
            await duplex.write(data)

    ways = [asyncio.ensure_future(there()), asyncio.ensure_future(back())]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        writer.close()


@cache
def _credentials() -> Any:
    """TLS with a certificate made for this process; istioctl does not verify it."""
    certificate, key = self_signed(["localhost", "istiod.istio-system.svc"])
    return grpc.ssl_server_credentials([(key, certificate)])


class _Ads(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    """The aggregated stream of one recorded istiod."""

    def __init__(self, pages: Pages, namespace: str, pod: str) -> None:
        self._pages, self._namespace, self._pod = pages, namespace, pod

    async def StreamAggregatedResources(self, request_iterator: Any, context: Any) -> AsyncIterator[Any]:
        """One answer to each request that is not the acknowledgement of one."""
        async for request in request_iterator:
            # An acknowledgement carries our nonce; istioctl's first request, one that it has made up.
            if request.response_nonce == NONCE:
                continue
            try:
                resources = await self._resources(request)
            except BugbundleError as error:
                await context.abort(grpc.StatusCode.UNAVAILABLE, error.text)
            yield discovery_pb2.DiscoveryResponse(
                type_url=request.type_url,
                resources=resources,
                version_info="recorded",
                nonce=NONCE,
                control_plane={"identifier": self._identifier()},
            )

    async def _resources(self, request: Any) -> list[AnyMessage]:
        names = list(request.resource_names)
        if request.type_url == SYNCZ:
            return self._syncz()
        if request.type_url == CONFIG_DUMP:
            target = "/debug/config_dump?" + urlencode({"proxyID": names[0] if len(names) == 1 else ""})
            body = self._page(target)
            return await asyncio.to_thread(sections, body) if body else []
        if request.type_url == PAGE:
            if len(names) != 1:
                raise BugbundleError("only one debug request is allowed")
            page = self._pages.answer(self._namespace, self._pod, DEBUG, "GET", f"/debug/{names[0]}")
            return [AnyMessage(type_url=PAGE, value=page.body)]
        raise BugbundleError(
            f"{request.type_url!a} is not in this recording",
            todo=f"Ask {SYNCZ}, {CONFIG_DUMP} or {PAGE}",
        )

    def _page(self, target: str) -> bytes | None:
        page = self._pages.answer(self._namespace, self._pod, DEBUG, "GET", target)
        return page.body if page.status == 200 else None

    def _syncz(self) -> list[AnyMessage]:
        """The table of proxy-status.

        istioctl prints ages against the clock of its reader. The recorded times are moved forward by what
        has passed since the capture, so that the age printed is that at the capture. Only here.
        """
        body = self._page("/debug/syncz")
        if body is None:
            raise BugbundleError(f"debug/syncz of {self._pod} is not in this recording")
        return [_packed(_client_config(client)) for client in clients(body, self._since_capture())]

    def _since_capture(self) -> timedelta:
        shelf = self._pages.shelf(self._namespace, self._pod)
        path = shelf.entries.get((DEBUG, "GET /debug/syncz"), "") if shelf else ""
        captured = self._pages.bundle.at(path)
        return datetime.now(UTC) - captured if captured else timedelta()

    def _identifier(self) -> str:
        """Who answers, as istioctl reads it; `/version` reads `VERSION-REVISION-STATUS`."""
        text = (self._page("/version") or b"").decode("utf-8", "replace").strip()
        version, _, rest = text.partition("-")
        revision, _, status = rest.rpartition("-")
        info = {
            "version": version,
            "revision": revision,
            "status": status,
            "tag": version,
        }
        return encode({"Component": "istiod", "ID": self._pod, "Info": info}).decode()


def _client_config(client: Client) -> Any:
    config = csds_pb2.ClientConfig()
    config.node.id = client.node
    config.node.metadata.update(client.metadata)
    for state in client.types:
        _add_type(config, state)
    return config


def _add_type(config: Any, state: TypeState) -> None:
    item = config.generic_xds_configs.add()
    item.type_url = state.url
    item.config_status = csds_pb2.ConfigStatus.Value(state.state)
    if state.sent:
        item.last_updated.FromDatetime(state.sent.astimezone(UTC))
    if state.error:
        item.error_state.details = state.error
        if state.sent:
            item.error_state.last_update_attempt.FromDatetime(state.sent.astimezone(UTC))


def _packed(message: Any) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(message)
    return packed


def sections(body: bytes) -> list[AnyMessage]:
    """The sections of istiod's recorded account of a proxy, as it sends them; none where it is odd.

    Istio's own filters are declared here; any other type that the published protos lack keeps its name and loses its
    fields, which is what istioctl makes of a type that it does not know.
    """
    for url in sorted(set(_TYPE.findall(body.decode("utf-8", "replace"))))[:MAX_TYPES]:
        _know(url)
    dump = config_dump_pb2.ConfigDump()
    try:
        json_format.Parse(body, dump, ignore_unknown_fields=True)
    except (json_format.ParseError, TypeError, ValueError, RecursionError):
        return []
    return list(dump.configs)


@cache
def _know(name: str) -> None:
    """Load the published proto of a message type; declare it empty where there is none."""
    pool = descriptor_pool.Default()
    for module in _modules(name):
        try:
            pool.FindMessageTypeByName(name)
            return
        except KeyError:
            importlib.import_module(module)
    try:
        pool.FindMessageTypeByName(name)
    except KeyError:
        _declare(pool, name)


def _modules(name: str) -> Iterator[str]:
    """The proto modules of the packages that a type may be in, nearest first."""
    parts = name.split(".")[:-1]
    while parts and parts[0] in PUBLISHED:
        try:
            package = importlib.import_module(".".join(parts))
        except ImportError:
            parts.pop()
            continue
        for module in pkgutil.iter_modules(getattr(package, "__path__", [])):
            if module.name.endswith("_pb2"):
                yield f"{'.'.join(parts)}.{module.name}"
        return


def _declare(pool: Any, name: str) -> None:
    from bugbundle.replay.stream.declared import file_of

    for file in file_of(name):
        try:
            pool.AddSerializedFile(file.SerializeToString())
        except TypeError:
            return
