"""The door to `kubernetes` (with `kubeconfig.py`): a connection to an API server, over which is only read.

The client gives configuration, credentials and TLS; requests are made on its connection pool, as its own calls
parse what has to stay as it was served. Nothing here puts a URL's path, a header or a token into a message.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
import websocket
from kubernetes import client, config
from kubernetes.stream.ws_client import websocket_proxycare
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ProxyError,
    SSLError,
    TimeoutError,
)

from bugbundle import __version__
from bugbundle.collect import kubeconfig
from bugbundle.collect.kubeconfig import ClusterError
from bugbundle.collect.pace import Deadline
from bugbundle.collect.reply import MAX_BODY, Failed, Messages, Reply, one_line, status_message

__all__ = ["Access", "Cluster", "ClusterError", "beyond", "connect"]

CONNECT_SECONDS = 10.0
SLICE = 0.5
"""Seconds after which a wait for a message looks whether it should go on."""
CHUNK = 1 << 20
CHANNELS = "v4.channel.k8s.io"


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster: a kubeconfig and a context of it, both the client's own choice where empty."""

    kubeconfig: str = ""
    context: str = ""
    connections: int = 16


class Cluster:
    """An API server. Thread-safe."""

    def __init__(self, api: client.ApiClient, name: str, namespace: str, access: Access | None = None) -> None:
        self._api = api
        self._access = access
        self._renewing = threading.Lock()
        self._renewed = 0.0
        self._configuration = api.configuration
        self._pool: urllib3.PoolManager = api.rest_client.pool_manager
        self._host = str(self._configuration.host).rstrip("/")
        parts = urlsplit(self._host)
        self.name = name
        """The cluster's name in the kubeconfig."""
        self.namespace = namespace
        """The context's namespace."""
        self.server = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        """For messages: without path, which may hold what is secret."""

    def get(self, path: str, query: Mapping[str, str], accept: str, deadline: Deadline, keep: int = 0) -> Reply:
        """One GET, the body decoded from gzip: whole, or at least its last `keep` bytes. Raises `Failed`."""
        headers = {**self._headers(), "Accept": accept, "Accept-Encoding": "gzip"}
        seconds = deadline.left
        if seconds <= 0:
            raise Failed("the time was used up before it was asked")
        timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds)
        try:
            response = self._pool.request(
                "GET", self._url(path, query), headers=headers, timeout=timeout, retries=False,
                preload_content=False, redirect=False,
            )  # fmt: skip
        except HTTPError as error:
            raise _failed(error) from None
        try:
            body = _read(response, deadline, keep)
        except (HTTPError, OSError) as error:
            response.close()
            raise _failed(error) from None
        except Failed:
            response.close()
            raise
        response.release_conn()
        return Reply(response.status, body, {name.lower(): value for name, value in response.headers.items()})

    def channels(self, path: str, query: list[tuple[str, str]], deadline: Deadline) -> Messages:
        """A websocket that speaks Kubernetes' channels (`v4.channel.k8s.io`). Raises `Failed`."""
        socket = websocket.WebSocket(sslopt=self._ssl(), skip_utf8_validation=True)
        socket.settimeout(max(0.1, min(CONNECT_SECONDS, deadline.left)))
        url = "ws" + self._url(path, query).removeprefix("http")
        headers = {**self._headers(), "sec-websocket-protocol": CHANNELS}
        options: dict[str, Any] = {"header": [f"{name}: {value}" for name, value in headers.items()]}
        if self._configuration.proxy or self._configuration.proxy_headers:
            options = websocket_proxycare(options, self._configuration, url, headers)  # type: ignore[no-untyped-call]
        try:
            socket.connect(url, redirect_limit=0, **options)  # type: ignore[no-untyped-call]
        except websocket.WebSocketBadStatusException as error:
            body = error.resp_body if isinstance(error.resp_body, bytes) else b""
            reason = status_message(body) or one_line(body) or f"refused with HTTP {error.status_code}"
            again = error.status_code in (429, 500, 502, 503, 504)
            raise Failed(
                reason, status=error.status_code, again=again, beyond=beyond(error.status_code, reason)
            ) from None
        except (websocket.WebSocketException, OSError, ValueError) as error:
            failed = _failed(error)
            failed.beyond = failed.late
            raise failed from None
        return _Socket(socket)

    def renew(self, since: float) -> bool:
        """Log in again, as what was asked at `since` (monotonic) got 401: whether that gave another token."""
        with self._renewing:
            if self._renewed >= since:
                return True
            if self._access is None:
                return False
            before = dict(self._configuration.api_key)
            try:
                found = configured(self._access)
            except ClusterError:
                return False
            if found.api_key == before:
                return False
            self._configuration.api_key = found.api_key
            self._configuration.refresh_api_key_hook = found.refresh_api_key_hook
            self._renewed = time.monotonic()
            return True

    def _url(self, path: str, query: Mapping[str, str] | list[tuple[str, str]]) -> str:
        tail = urlencode(query, quote_via=quote)
        return f"{self._host}{quote(path, safe='/:')}" + (f"?{tail}" if tail else "")

    def _headers(self) -> dict[str, str]:
        """Who asks; tokens that expire are fetched again by the client."""
        headers = {"User-Agent": f"bugbundle/{__version__}"}
        with self._renewing:
            settings = self._configuration.auth_settings()
        for auth in settings.values():
            if auth.get("in") == "header" and auth.get("value"):
                headers[auth["key"]] = auth["value"]
        return headers

    def _ssl(self) -> dict[str, Any]:
        found = self._configuration
        options: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED if found.verify_ssl else ssl.CERT_NONE}
        if not found.verify_ssl or found.assert_hostname is False:
            options["check_hostname"] = False
        wanted = {
            "ca_certs": found.ssl_ca_cert if found.verify_ssl else None,
            "certfile": found.cert_file,
            "keyfile": found.key_file,
            "server_hostname": found.tls_server_name,
        }
        return {**options, **{name: value for name, value in wanted.items() if value}}


class _Socket:
    """A websocket as `Messages`."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self._socket = socket

    def send(self, data: bytes, deadline: Deadline) -> None:
        self._socket.settimeout(max(0.1, deadline.left))
        try:
            self._socket.send_binary(data)
        except (websocket.WebSocketException, OSError) as error:
            raise _failed(error) from None

    def receive(self, deadline: Deadline) -> bytes | None:
        while True:
            left = deadline.left
            if left <= 0:
                raise Failed("no answer in time", again=True, late=True, lost=True)
            self._socket.settimeout(min(left, SLICE))
            try:
                code, data = self._socket.recv_data()
            except websocket.WebSocketTimeoutException:
                continue
            except websocket.WebSocketConnectionClosedException:
                return None
            except (websocket.WebSocketException, OSError) as error:
                raise _failed(error) from None
            if code == websocket.ABNF.OPCODE_CLOSE:
                return None
            if code == websocket.ABNF.OPCODE_BINARY and data:
                return bytes(data)

    def close(self) -> None:
        try:
            self._socket.settimeout(0.2)
            self._socket.send_close()
        except (websocket.WebSocketException, OSError):
            pass
        self._socket.shutdown()  # type: ignore[no-untyped-call]


def connect(access: Access) -> Cluster:
    """The cluster of a kubeconfig, or the one that this runs in. Asks nothing yet. Raises `ClusterError`."""
    found = configured(access)
    name, namespace = ("in-cluster", "") if _in_pod(access) else kubeconfig.names(access.kubeconfig, access.context)
    found.connection_pool_maxsize = access.connections + 4
    if not found.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return Cluster(client.ApiClient(found), name, namespace, access)


def configured(access: Access) -> client.Configuration:
    """Where the server is and how to log in, read anew. Raises `ClusterError`."""
    found = client.Configuration()
    if _in_pod(access):
        config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
    else:
        kubeconfig.load(access.kubeconfig, access.context, found)
    return found


def _in_pod(access: Access) -> bool:
    return not access.kubeconfig and not access.context and _inside()


def _inside() -> bool:
    """Whether this runs in a pod, without a kubeconfig."""
    return (
        bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
        and not os.environ.get("KUBECONFIG")
        and not os.path.exists(os.path.expanduser("~/.kube/config"))  # noqa: PTH110, PTH111
    )


def _read(response: urllib3.BaseHTTPResponse, deadline: Deadline, keep: int) -> bytes:
    """The body, within the time; a cut body raises. Not much more than `keep` is held, if it is given."""
    body = bytearray()
    for piece in response.stream(CHUNK, decode_content=True):
        body += piece
        deadline.heard()
        if keep and len(body) > keep + 4 * CHUNK:
            del body[:-keep]
        if len(body) > MAX_BODY:
            raise Failed("the answer is larger than it may be")
        if deadline.left <= 0:
            raise Failed("the answer did not end in time", again=True, late=True)
    return bytes(body)


def beyond(status: int, reason: str) -> bool:
    """Whether the API server says that it did not reach a node (its kubelet)."""
    words = ("dial tcp", "dialing backend", "i/o timeout", "no route to host", "TLS handshake timeout", "EOF")
    return status in (500, 502, 503, 504) and any(word in reason for word in words)


def _failed(error: Exception) -> Failed:
    """A connection to the API server that failed."""
    reason = error.reason if isinstance(error, MaxRetryError) else error
    late = isinstance(reason, TimeoutError | websocket.WebSocketTimeoutException) and not isinstance(
        reason, NewConnectionError
    )
    why = _why(error)
    refused_for_good = "certificate" in why
    return Failed(why, again=not refused_for_good, lost=not refused_for_good, late=late or why == "no answer in time")


def _why(error: BaseException) -> str:
    """What went wrong with a connection, in a few words and without a URL."""
    reason: Any = error.reason if isinstance(error, MaxRetryError) else error
    text = str(reason).lower()
    if isinstance(reason, SSLError | ssl.SSLError):
        detail = "certificate" if "certificate" in text else "handshake"
        return f"TLS failed: the server's {detail} is not accepted" if detail == "certificate" else "TLS failed"
    if isinstance(reason, NameResolutionError) or "name or service not known" in text:
        return "the server's name cannot be resolved"
    if isinstance(reason, ProxyError):
        return "the proxy cannot be reached"
    if "refused" in text:
        return "connection refused"
    if isinstance(reason, NewConnectionError):
        return "the server cannot be reached"
    if isinstance(reason, TimeoutError | websocket.WebSocketTimeoutException | OSError) and "timed out" in text:
        return "no answer in time"
    if "reset" in text or "aborted" in text or "closed" in text or "broken pipe" in text:
        return "the connection was lost"
    if "incompleteread" in text or "more expected" in text:
        return "the answer was cut off"
    return f"the connection failed ({type(reason).__name__})"
