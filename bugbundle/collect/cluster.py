"""The one door to `kubernetes`: a connection to an API server, over which is only read.

The client gives configuration, credentials and TLS; requests are made on its connection pool, as its own calls
parse what has to stay as it was served. Nothing here puts a URL's path, a header or a token into a message.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import urllib3
import websocket
import yaml
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
from bugbundle.collect.pace import Deadline
from bugbundle.collect.reply import MAX_BODY, Failed, Messages, Reply, one_line, status_message
from bugbundle.errors import BugbundleError

CONNECT_SECONDS = 10.0
SLICE = 0.5
"""Seconds after which a wait for a message looks whether it should go on."""
CHUNK = 1 << 20
CHANNELS = "v4.channel.k8s.io"
logging.getLogger().addHandler(logging.NullHandler())


class ClusterError(BugbundleError):
    """No cluster can be asked: no kubeconfig, no server, no right."""


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach a cluster: a kubeconfig and a context of it, both the client's own choice where empty."""

    kubeconfig: str = ""
    context: str = ""
    connections: int = 16


class Cluster:
    """An API server. Thread-safe."""

    def __init__(self, api: client.ApiClient, name: str, namespace: str) -> None:
        self._api = api
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
            raise Failed(_why(error), again=_again(error)) from None
        try:
            body = _read(response, deadline, keep)
        except (HTTPError, OSError) as error:
            response.close()
            raise Failed(_why(error), again=True) from None
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
            raise Failed(reason, status=error.status_code, again=again) from None
        except (websocket.WebSocketException, OSError, ValueError) as error:
            raise Failed(_why(error), again=not isinstance(error, ssl.SSLCertVerificationError)) from None
        return _Socket(socket)

    def _url(self, path: str, query: Mapping[str, str] | list[tuple[str, str]]) -> str:
        tail = urlencode(query, quote_via=quote)
        return f"{self._host}{quote(path, safe='/:')}" + (f"?{tail}" if tail else "")

    def _headers(self) -> dict[str, str]:
        """Who asks; tokens that expire are fetched again by the client."""
        headers = {"User-Agent": f"bugbundle/{__version__}"}
        for auth in self._configuration.auth_settings().values():
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
            raise Failed(_why(error), again=True) from None

    def receive(self, deadline: Deadline) -> bytes | None:
        while True:
            left = deadline.left
            if left <= 0:
                raise Failed("no answer in time")
            self._socket.settimeout(min(left, SLICE))
            try:
                code, data = self._socket.recv_data()
            except websocket.WebSocketTimeoutException:
                continue
            except websocket.WebSocketConnectionClosedException:
                return None
            except (websocket.WebSocketException, OSError) as error:
                raise Failed(_why(error), again=True) from None
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
    where = access.kubeconfig or os.environ.get("KUBECONFIG", "") or "~/.kube/config"
    found = client.Configuration()
    try:
        if not access.kubeconfig and not access.context and _inside():
            config.load_incluster_config(client_configuration=found)  # type: ignore[no-untyped-call]
            name, namespace = "in-cluster", ""
        else:
            config.load_kube_config(  # type: ignore[no-untyped-call]
                access.kubeconfig or None, access.context or None, client_configuration=found, persist_config=False
            )
            name, namespace = _names(access)
    except config.ConfigException as error:
        raise _unusable(str(error), where, access) from None
    except (OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        raise ClusterError("is not a kubeconfig that can be read", where=where, todo="Check the file") from None
    found.connection_pool_maxsize = access.connections + 4
    if not found.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    return Cluster(client.ApiClient(found), name, namespace)


def _unusable(reason: str, where: str, access: Access) -> ClusterError:
    if access.context and access.context in reason:
        return ClusterError(f"has no context {access.context!a}", where=where, todo="See kubectl config get-contexts")
    if "exec" in reason:
        return ClusterError("the kubeconfig's credential plugin failed", where=where, todo="Log in again")
    todo = "Set KUBECONFIG, or give --kubeconfig FILE"
    return ClusterError("no usable kubeconfig is here", where=where, todo=todo)


def _inside() -> bool:
    """Whether this runs in a pod, without a kubeconfig."""
    return (
        bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
        and not os.environ.get("KUBECONFIG")
        and not os.path.exists(os.path.expanduser("~/.kube/config"))  # noqa: PTH110, PTH111
    )


def _names(access: Access) -> tuple[str, str]:
    contexts, current = config.list_kube_config_contexts(access.kubeconfig or None)  # type: ignore[no-untyped-call]
    chosen = next((item for item in contexts if item["name"] == access.context), current) if contexts else current
    context = (chosen or {}).get("context") or {}
    return str(context.get("cluster") or "cluster"), str(context.get("namespace") or "")


def _read(response: urllib3.BaseHTTPResponse, deadline: Deadline, keep: int) -> bytes:
    """The body, within the time; a cut body raises. Not much more than `keep` is held, if it is given."""
    body = bytearray()
    for piece in response.stream(CHUNK, decode_content=True):
        body += piece
        if keep and len(body) > keep + 4 * CHUNK:
            del body[:-keep]
        if len(body) > MAX_BODY:
            raise Failed("the answer is larger than it may be")
        if deadline.left <= 0:
            raise Failed("the answer did not end in time")
    return bytes(body)


def _again(error: Exception) -> bool:
    reason = error.reason if isinstance(error, MaxRetryError) else error
    return not isinstance(reason, SSLError | NameResolutionError)


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
