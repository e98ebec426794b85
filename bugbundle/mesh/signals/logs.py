"""What logs say: known lines found once per log, with their time.

The lines are fixed texts of istiod, of the agent and Envoy, of ztunnel and of the CNI agent (the sources are named in
the tables' comments); a log is searched for each text, never taken apart line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof
from bugbundle.words import clip

KEPT = 200
"""Lines kept of one kind in one log, the newest; the rest are not counted."""

WIDTH = 300
"""Characters of a line that are shown."""

RECENT = timedelta(minutes=10)
"""How near the capture a line must be to speak of now."""

_TIME = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?")

_HEAD = re.compile(r"^\[?\d{4}-\d\d-\d\d[T ][\d:.]+Z?\]?\s+(?:(?:info|warn|warning|error|critical|debug)\s+)?")

_SOURCE = re.compile(r"^envoy [\w.]+ (?:external/)?\S*\.(?:cc|h):\d+ ")

ISTIOD = {
    "nack": b"ACK ERROR",  # pkg/xds/server.go, pilot/pkg/xds/delta.go
    "unauthorized": b"Unauthorized XDS:",  # pilot/pkg/xds/auth.go
    "token": b"the token is not authenticated",  # tokenreview/k8sauthn.go
    "authenticate": b"Failed to authenticate client",  # security/pkg/server/ca/authenticate
    "impersonation": b"impersonation failed for identity",  # security/pkg/server/ca/server.go
    "signing": b"CSR signing error",  # security/pkg/server/ca/server.go
    "list": b"cannot list resource",  # Kubernetes RBAC
    "watch": b"Failed to watch",  # client-go
    "watch_error": b"watch error in cluster",  # pkg/kube/informermetric/informermetric.go
    "cache_sync": b"Failed waiting for cache sync",  # bootstrap/server.go
    "rate_limit": b"exceeded rate limit",  # pilot/pkg/xds/ads.go
    "send": b"Send failure for node:",  # pilot/pkg/xds/xdsgen.go
    "remote_timeout": b"Timed out waiting for cluster",  # pkg/kube/multicluster/cluster.go
    "remote_failed": b"failed to sync after",  # pkg/kube/multicluster/cluster.go
    "remote_config": b"error adding remote config",  # secretcontroller.go
    "credential": b"failed to fetch key and certificate for",  # pilot/pkg/xds/sds.go
    "credential_access": b"attempted to access unauthorized certificates",  # pilot/pkg/xds/sds.go
    "patch_panic": b"caused panic, so the patches did not take effect",  # envoyfilter; names it before 1.26
    "filter_value": b"failed to build envoy filter value",  # envoyfilter.go
    "ca_incomplete": b"incomplete signing CA bundle detected at",  # bootstrap/istio_ca.go
    "ca_ignored": b"Updating new ROOT-CA not supported",  # bootstrap/istio_ca.go
    "ca_failed": b"Failed to update new Plug-in CA certs",  # bootstrap/istio_ca.go
    "jwks": b"Failed to fetch public key from",  # jwks_resolver.go; «jwks URI» since 1.27
    "vips": b"out of IPs to allocate for service entries",  # pilot/pkg/serviceregistry
    "policy_ignored": b"ignored authorization policy",  # pilot/pkg/security/authz/builder
    "wasm_secret": b"Failed to fetch docker credential",  # pilot/pkg/xds/ecds.go
    "tracing": b"Not able to configure requested tracing provider",  # pilot/pkg/networking/core/tracing.go
    "telemetry": b"could not find cluster for open telemetry provider",  # pilot/pkg/networking/core/tracing.go
    "retry_budget": b"retry budget exceeded",  # pkg/kube/controllers/queue.go
    "unsafe": b"Server is starting with unsafe features enabled",  # bootstrap/server.go
}

PROXY = {
    "not_ready": b"Envoy proxy is NOT ready:",  # pilot/cmd/pilot-agent/status/ready/probe.go
    "rejected": b"gRPC config for type.googleapis.com/",  # Envoy, grpc_subscription_impl.cc
    "stream_closed": b"gRPC config stream",  # Envoy, grpc_stream.h
    "upstream_failed": b"failed to connect to upstream",  # istio-agent/xds_proxy.go
    "upstream_ended": b"upstream terminated with unexpected error",  # istio-agent/xds_proxy.go
    "connected": b"upstream XDS server:",  # istio-agent/xds_proxy_delta.go
    "initial": b"Initializing with upstream address",  # istio-agent/xds_proxy.go
    "dns": b"no such host",  # Go's resolver
    "lookup": b": lookup ",  # Go's resolver, any failure
    "authn": b"authentication failure",  # security/pkg/server/ca, as the agent hears it
    "authn_request": b"request authenticate failure",  # security/pkg/server/ca/server.go
    "sign": b"failed to sign",  # istio-agent, citadel client, secret cache
    "generated": b"generated new workload certificate",  # secretcache.go
    "warm": b"failed to warm certificate",  # sdsservice.go
    "expired": b"certificate has expired or is not yet valid",  # Go's crypto/x509
    "unknown_ca": b"certificate signed by unknown authority",  # Go's crypto/x509
    "oom": b"Envoy may have been out of memory killed",  # pkg/envoy/agent.go
    "aborted": b"Envoy aborted abnormally",  # pkg/envoy/agent.go
    "exited": b"Envoy exited with error",  # pkg/envoy/agent.go
    "files": b"too many open files",  # kernel
    "wasm": b"error in converting the wasm config to local",  # pkg/wasm/convert.go
    "wasm_load": b"Failed to load Wasm",  # Envoy, source/extensions/common/wasm/wasm.cc
}

ZTUNNEL = {
    "hbone_blocked": b"maybe a NetworkPolicy is blocking HBONE port 15008",  # src/proxy.rs
    "policy": b"due to policy rejection",  # src/proxy.rs
    "complete": b"connection complete",  # src/proxy/metrics.rs
    "unknown_waypoint": b"unknown waypoint:",  # src/proxy.rs
    "no_waypoint": b"failed to find waypoint for:",  # src/state/workload.rs
    "no_upstream": b"no healthy upstream:",  # src/proxy.rs
    "no_port": b"no valid target port for workload",  # src/proxy.rs
    "unknown_workload": b"workload is unknown:",  # src/identity.rs
    "awaited": b"timed out waiting for workload",  # src/state.rs
    "xds": b"XDS client error:",  # src/xds/client.rs
    "xds_connection": b"XDS client connection error:",  # src/xds/client.rs
    "grpc": b"gRPC connection error connecting to",  # src/xds.rs
    "fetch": b"certificate fetch failed (",  # src/identity/manager.rs
    "signing": b"signing gRPC error (",  # src/identity.rs
    "san": b"did not present the expected SAN",  # src/tls/lib.rs
    "trust_domain": b"did not present the expected trustdomain",  # src/tls/lib.rs
    "announce": b"node agent announcement failed",  # src/inpod/workloadmanager.rs
    "start": b"failed to start proxy:",  # src/inpod/workloadmanager.rs
    "bind": b"failed to bind to address",  # src/proxy.rs
    "crl": b"peer certificate revoked by CRL",  # src/proxy.rs
    "ping": b"HBONE ping ",  # src/proxy/h2/client.rs
    "handshake": b"http2 handshake failed:",  # src/proxy.rs
    "drain": b"drain duration expired with pending connections",  # src/drain.rs
    "mismatch": b"ip mismatch:",  # src/proxy.rs
    "protocol": b"protocol mismatch error",  # src/inpod/workloadmanager.rs
}

INIT = {
    "denied": b"Permission denied",  # iptables, without NET_ADMIN
    "table": b"can't initialize iptables table",  # iptables, without the kernel's modules
    "command": b"Command error output",  # tools/istio-iptables/pkg/dependencies
    "unreachable": b"Error connecting to 127.0.0.6:15002",  # istio-iptables/pkg/validation/validator.go
    "timeout": b"validation timeout",  # istio-iptables/pkg/validation/validator.go
}
"""The init containers istio-init and istio-validation."""

NETWORK = {
    "refused": b"onnection refused",  # kernel
    "timeout": b"timed out",  # kernel
    "io_timeout": b"i/o timeout",  # Go
    "host": b"no such host",  # Go
    "resolve": b"could not resolve",  # curl
    "resolve_upper": b"Could not resolve",  # curl
    "names": b"name resolution",  # glibc
    "unreachable": b"unreachable",  # kernel
}
"""Any program that cannot connect."""

CNI = {
    "directory": b"require customization of the CNI directory",  # cni/pkg/install/install.go
    "read_only": b"read-only file system",  # kernel
    "conflict": b"Configuration has been reconciled multiple times",  # cni/pkg/install/install.go
    "preempted": b"preempted by",  # cni/pkg/install/install.go
    "priority": b"has lower priority than",  # cni/pkg/install/install.go
    "repaired": b"Pod detected as broken",  # cni/pkg/repair/repaircontroller.go
    "repaired_old": b"Deleting broken pod",  # cni/pkg/repair, up to 1.20
    "partial": b"pod partially added",  # cni/pkg/nodeagent/meshdataplane_linux.go
    "probes": b"will fail healthchecks",  # cni/pkg/nodeagent/meshdataplane_linux.go
    "no_ztunnel": b"no ztunnel connection",  # cni/pkg/nodeagent/ztunnelserver_linux.go
    "reconcile": b"failed to reconcile inpod rules for pod",  # cni/pkg/nodeagent/net_linux.go
    "restore": b"failed to restore iptables rules",  # cni/pkg/iptables/iptables.go
    "host_rules": b"failed to add host netnamespace iptables rules",  # cni/pkg/iptables/iptables.go
    "nftables": b"failed to program nftable rules",  # cni/pkg/nftables/nftables.go
    "unauthorized": b"Unauthorized",  # the API server, to the plugin's token
    "plugin": b"istio-cni cmdAdd error",  # cni/pkg/plugin/plugin.go
    "plugin_ambient": b"istio-cni cmdAdd failed",  # cni/pkg/plugin/plugin.go
}
"""The agent of istio-cni, which prints its plugin's lines too."""


class Line(NamedTuple):
    """One line: when (UTC; None where it names no time), its text cut to be shown, and (almost) whole to be read."""

    at: datetime | None
    pointer: Pointer
    text: str
    whole: str

    @property
    def number(self) -> int:
        """Its place in the log, from 1."""
        return int(self.pointer.pointer.removeprefix("line "))

    @property
    def said(self) -> str:
        """The text without its time, its level and its place in Envoy's source, at most 200 characters."""
        return clip(_SOURCE.sub("", _HEAD.sub("", self.whole)), 200)

    @property
    def proof(self) -> Proof:
        """The line as evidence."""
        return Proof(self.pointer, self.text)


class Log:
    """One container's log and the known lines in it; `now` is when it was recorded."""

    def __init__(self, path: str, data: bytes, now: datetime | None, known: dict[str, bytes]) -> None:
        self.path = path
        self.data = data
        self.now = now
        self._known = known

    @cached_property
    def _found(self) -> dict[str, list[Line]]:
        return {name: list(self._lines(text))[::-1] for name, text in self._known.items() if text in self.data}

    def _lines(self, text: bytes) -> Iterator[Line]:
        """The newest lines with a text, newest first."""
        end = len(self.data)
        for _ in range(KEPT):
            at = self.data.rfind(text, 0, end)
            if at < 0:
                return
            start = self.data.rfind(b"\n", 0, at) + 1
            yield self._line(start, self.data.find(b"\n", at))
            end = start

    def _line(self, start: int, stop: int) -> Line:
        raw = self.data[start : stop if stop >= 0 else len(self.data)][: WIDTH * 4]
        number = self.data.count(b"\n", 0, start) + 1
        whole = raw.decode("utf-8", "replace").replace("\t", " ").rstrip()
        return Line(time_of(raw), Pointer(self.path, f"line {number}"), clip(whole, WIDTH), whole)

    def all(self, *names: str) -> list[Line]:
        """The known lines of these kinds, oldest first."""
        found = {line.number: line for name in names for line in self._found.get(name, ())}
        return [found[number] for number in sorted(found)]

    def recent(self, *names: str, within: timedelta = RECENT) -> list[Line]:
        """Those near the capture; a line without a time counts where the log has no times at all."""
        if self.now is None:
            return self.all(*names)
        return [line for line in self.all(*names) if line.at and self.now - line.at <= within]

    def last(self, *names: str) -> Line | None:
        """The newest of these kinds."""
        found = self.all(*names)
        return found[-1] if found else None


def time_of(raw: bytes) -> datetime | None:
    """The first time in a line."""
    match = _TIME.search(raw, 0, 200)
    if not match:
        return None
    text = match[0].decode().replace(" ", "T")
    return parse_time(text if text.endswith("Z") else text + "Z")


def log(mesh: Mesh, namespace: str, pod: str, container: str, known: dict[str, bytes]) -> Log | None:
    """A container's log, read once per mesh; None where it was not recorded."""
    path = f"logs/{namespace}/{pod}/{container}.log"
    logs = _logs(mesh)
    if path not in logs:
        try:
            logs[path] = Log(path, mesh.bundle[path], mesh.bundle.at(path) or mesh.now, known)
        except (KeyError, BugbundleError):
            logs[path] = None
    return logs[path]


@once
def _logs(mesh: Mesh) -> dict[str, Log | None]:
    """path → log, filled as they are asked for."""
    return {}


def proxy_log(mesh: Mesh, namespace: str, pod: str) -> Log | None:
    """The log of the agent and of Envoy."""
    return log(mesh, namespace, pod, "istio-proxy", PROXY)


def istiod_log(mesh: Mesh, namespace: str, pod: str) -> Log | None:
    """istiod's log."""
    return log(mesh, namespace, pod, "discovery", ISTIOD)


def ztunnel_log(mesh: Mesh, namespace: str, pod: str) -> Log | None:
    """ztunnel's log."""
    return log(mesh, namespace, pod, "istio-proxy", ZTUNNEL)


def cni_log(mesh: Mesh, namespace: str, pod: str) -> Log | None:
    """The log of a node's istio-cni."""
    return log(mesh, namespace, pod, "install-cni", CNI)
