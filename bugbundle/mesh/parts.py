"""Proxies, istiods and ztunnels: who they are and what they answered."""

from __future__ import annotations

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bugbundle.bundle import Gap
from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.pointer import Pointer
from bugbundle.mesh.resources import Dump
from bugbundle.xds.kinds import Xds, kind_of_url

if TYPE_CHECKING:
    from bugbundle.mesh.model import Mesh

PROXY_CONTAINER = "istio-proxy"


class Part:
    """A pod of the mesh that answers questions: entries under `<folder>/<namespace>/<pod>/`."""

    folder = ""

    def __init__(self, mesh: Mesh, namespace: str, name: str, pod: KubeObject | None) -> None:
        self.mesh = mesh
        self.namespace = namespace
        self.name = name
        self.pod = pod
        self.kept: dict[Hashable, Any] = {}
        """What `once` keeps."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id})"

    @property
    def id(self) -> str:
        """`pod.namespace`."""
        return f"{self.name}.{self.namespace}"

    def entry(self, name: str) -> str:
        """The path of one of its entries."""
        return f"{self.folder}/{self.namespace}/{self.name}/{name}"

    def has(self, name: str) -> bool:
        """Whether the entry was recorded."""
        return self.entry(name) in self.mesh.bundle

    def gap(self, name: str) -> Gap:
        """Why an entry is absent."""
        return self.mesh.bundle.gap(self.entry(name))

    def data(self, name: str) -> bytes | None:
        """An entry's bytes; None where it is absent or damaged."""
        try:
            return self.mesh.bundle[self.entry(name)]
        except (KeyError, BugbundleError):
            return None

    def text(self, name: str) -> str:
        """An entry as text; empty where it is absent."""
        return (self.data(name) or b"").decode("utf-8", "replace")

    def json(self, name: str) -> Any:
        """An entry parsed; None where it is absent or not JSON."""
        data = self.data(name)
        try:
            return decode(data, self.entry(name)) if data is not None else None
        except BugbundleError:
            return None

    def log(self, container: str, *, previous: bool = False) -> tuple[Pointer, str] | None:
        """(where, text) of a container's log; None where it is absent."""
        path = f"logs/{self.namespace}/{self.name}/{container}{'.previous' if previous else ''}.log"
        try:
            return Pointer(path), self.mesh.bundle[path].decode("utf-8", "replace")
        except (KeyError, BugbundleError):
            return None


class Proxy(Part):
    """An Envoy: sidecar, gateway or waypoint."""

    folder = "proxies"

    @property
    def kind(self) -> str:
        """`sidecar`, `gateway` or `waypoint`: what the node's id says of it, else the pod's labels and containers."""
        if self.pod is not None and self.pod.labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller":
            return "waypoint"
        node = as_text(self.node.get("id")).partition("~")[0]
        known = {"router": "gateway", "waypoint": "waypoint", "sidecar": "sidecar"}.get(node)
        if known or self.pod is None:
            return known or "sidecar"
        return "sidecar" if len(containers(self.pod)) > 1 else "gateway"

    @functools.cached_property
    def dump(self) -> Dump | None:
        """Envoy's config dump; None where it was not recorded."""
        path = self.entry("config_dump.json")
        return self.mesh.dump(path)

    @property
    def node(self) -> dict[str, Any]:
        """The bootstrap's node: id, cluster, metadata."""
        return self.dump.node() if self.dump else {}

    @property
    def metadata(self) -> dict[str, Any]:
        """The node's metadata."""
        return as_dict(self.node.get("metadata"))

    def ready(self) -> bool | None:
        """Whether the kubelet found the proxy's container ready; None where it cannot be told."""
        for status in container_statuses(self.pod):
            if status.get("name") == PROXY_CONTAINER:
                return bool(status.get("ready"))
        return None


class Ztunnel(Part):
    """The node proxy of ambient."""

    folder = "ztunnel"

    @property
    def node_name(self) -> str:
        """The node it runs on."""
        return as_text(self.pod.spec.get("nodeName")) if self.pod else ""

    @functools.cached_property
    def config(self) -> dict[str, Any]:
        """Its `config_dump`, parsed; empty where there is none."""
        return as_dict(self.json("config_dump.json"))

    def table(self, name: str) -> list[dict[str, Any]] | None:
        """`workloads`, `services`, … of its dump; None where it has none that can be read."""
        found = listed(self.config.get(name))
        return dicts(found) if found is not None else None


def listed(value: Any) -> list[Any] | None:
    """The rows of a part of ztunnel's dump: a list since Istio 1.23, a map of rows before; None for anything else."""
    if isinstance(value, dict):
        inner = value.get("by_addr", value.get("byAddr", value))
        return list(inner.values()) if isinstance(inner, dict) else None
    return value if isinstance(value, list) else None


@dataclass(frozen=True, slots=True)
class SyncState:
    """What istiod knows of one proxy and one type: nonces, when sent (istiod's clock), the last NACK's text."""

    url: str
    sent: str
    acked: str
    sent_time: datetime | None
    last_error: str

    @property
    def kind(self) -> Xds:
        """CDS, LDS, …; OTHER for ambient's and unknown types."""
        return kind_of_url(self.url)

    @property
    def status(self) -> str:
        """SYNCED, STALE, NOT SENT or ERROR, by istiod's own rule (pilot/pkg/xds/statusgen.go)."""
        if self.last_error:
            return "ERROR"
        if not self.sent:
            return "NOT SENT"
        return "SYNCED" if self.acked == self.sent else "STALE"


_FIELDS = {
    Xds.CDS: ("cluster", "type.googleapis.com/envoy.config.cluster.v3.Cluster"),
    Xds.LDS: ("listener", "type.googleapis.com/envoy.config.listener.v3.Listener"),
    Xds.RDS: ("route", "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"),
    Xds.EDS: ("endpoint", "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"),
    Xds.ECDS: ("extensionconfig", "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"),
}


class Istiod(Part):
    """One replica of the control plane."""

    folder = "istiod"

    @property
    def revision(self) -> str:
        """Its revision; `default` where it has none."""
        return (self.pod.labels.get("istio.io/rev") if self.pod else "") or "default"

    @functools.cached_property
    def syncz(self) -> dict[str, dict[str, Any]]:
        """proxy id → its row of `debug/syncz`."""
        rows = dicts(self.json("debug/syncz.json"))
        return {as_text(row.get("proxy")): row for row in rows if as_text(row.get("proxy"))}

    def states(self, proxy_id: str) -> dict[str, SyncState]:
        """type URL → state of one proxy; empty where it is not connected to this replica.

        Before Istio 1.23 a row has nonces alone: a type without one was not sent, and when it was sent is not known.
        """
        row = self.syncz.get(proxy_id, {})
        found: dict[str, SyncState] = {}
        old = bool(row) and "resources" not in row
        for prefix, url in _FIELDS.values():
            sent, acked = as_text(row.get(f"{prefix}_sent")), as_text(row.get(f"{prefix}_acked"))
            if sent or (old and prefix != "extensionconfig"):
                found[url] = SyncState(url, sent, acked, _sent_at(sent), "")
        for url, state in as_dict(row.get("resources")).items():
            values = as_dict(state)
            found[url] = SyncState(
                url,
                as_text(values.get("sent")),
                as_text(values.get("acked")),
                _told(parse_time(values.get("sentTime"))),
                as_text(values.get("lastError")),
            )
        return found

    @once
    def account(self, proxy_id: str, page: str = "config_dump") -> Dump | None:
        """istiod's own account of a proxy (`config_dump`, `edsz`); None where it was not recorded."""
        path = self.entry(f"debug/{page}/{proxy_id}.json")
        return self.mesh.dump(path)


def _sent_at(nonce: str) -> datetime | None:
    """When a push was sent, by its nonce: `TIME/VERSION+uuid` of some releases; others have none."""
    return _told(parse_time(nonce.partition("/")[0]))


def _told(when: datetime | None) -> datetime | None:
    """A time, but for Go's zero time, which says that there is none."""
    return when if when is not None and when.year > 1 else None


def containers(pod: KubeObject) -> list[dict[str, Any]]:
    """Containers and native sidecars (init containers that restart always)."""
    native = [c for c in dicts(pod.spec.get("initContainers")) if c.get("restartPolicy") == "Always"]
    return [*dicts(pod.spec.get("containers")), *native]


def container_statuses(pod: KubeObject | None) -> list[dict[str, Any]]:
    """The statuses of all containers, init containers first."""
    if pod is None:
        return []
    return [*dicts(pod.status.get("initContainerStatuses")), *dicts(pod.status.get("containerStatuses"))]
