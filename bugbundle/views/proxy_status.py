"""`proxy-status`: what every istiod knows of the proxies connected to it.

Source: istioctl/pkg/writer/pilot of 1.29 (SUBSCRIBED TYPES; with `-v 1` the state of each type) and of 1.23 to 1.26
(columns CDS LDS EDS RDS ECDS). Ages are counted to the time when the istiod was asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bugbundle.durations import human
from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.parts import Istiod, SyncState
from bugbundle.views.check_inject import WEBHOOKS
from bugbundle.views.table import Table

_XDS = "type.googleapis.com/envoy.config."
NAMES = {
    f"{_XDS}cluster.v3.Cluster": "CDS",
    f"{_XDS}listener.v3.Listener": "LDS",
    f"{_XDS}endpoint.v3.ClusterLoadAssignment": "EDS",
    f"{_XDS}route.v3.RouteConfiguration": "RDS",
    f"{_XDS}core.v3.TypedExtensionConfig": "ECDS",
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret": "SDS",
    "type.googleapis.com/istio.networking.nds.v1.NameTable": "NDS",
    "type.googleapis.com/istio.mesh.v1alpha1.ProxyConfig": "PCDS",
    "type.googleapis.com/istio.workload.Address": "WDS",
    "type.googleapis.com/istio.workload.Workload": "WDS",
    "type.googleapis.com/istio.security.Authorization": "WADS",
}
"""type URL → what istioctl calls it; the first four, then ECDS, are the ones that it always shows."""

_KINDS = {"router": "gateway"}
"""What istioctl calls a kind of proxy where istiod's word is another."""

_FIRST = list(NAMES)[:4]
_ALWAYS = list(NAMES)[:5]


@dataclass(frozen=True, slots=True)
class Row:
    """One connection: proxy, cluster, istiod, version, and the state of each type that it watches."""

    proxy: str
    cluster: str
    istiod: str
    version: str
    kind: str
    states: dict[str, SyncState]
    asked: datetime | None


def istiods(mesh: Mesh, revision: str = "") -> list[Istiod]:
    """The replicas of a revision; without one, of the default revision where there are several."""
    found = mesh.istiods
    if revision:
        return [each for each in found if each.revision == revision]
    if len({each.revision for each in found}) > 1:
        default = default_revision(mesh)
        return [each for each in found if each.revision == default] or found
    return found


def default_revision(mesh: Mesh) -> str:
    """The revision behind the tag `default`; `default` where no webhook has that tag."""
    for item in mesh.kube.list(WEBHOOKS):
        if item.labels.get("istio.io/tag") == "default" and item.labels.get("istio.io/rev"):
            return item.labels["istio.io/rev"]
    return "default"


def rows(mesh: Mesh, revision: str = "", namespace: str = "") -> list[Row]:
    """Every connection, by proxy."""
    found: list[Row] = []
    for istiod in istiods(mesh, revision):
        asked = mesh.bundle.at(istiod.entry("debug/syncz.json")) or mesh.now
        for proxy, row in istiod.syncz.items():
            if not namespace or proxy.rpartition(".")[2] == namespace:
                found.append(_row(istiod, proxy, row, asked))
    return sorted(found, key=lambda row: row.proxy)


def _row(istiod: Istiod, proxy: str, row: dict[str, Any], asked: datetime | None) -> Row:
    version = as_text(row.get("istio_version"))
    if not version and as_text(row.get("proxy_version")):
        version = f"{row['proxy_version']}*"
    return Row(
        proxy,
        as_text(row.get("cluster_id")),
        istiod.name,
        version,
        _KINDS.get(as_text(row.get("proxy_type")), as_text(row.get("proxy_type"))),
        istiod.states(proxy),
        asked,
    )


def state(row: Row, url: str) -> str:
    """`SYNCED (51s)`, `NOT SENT`, …; `IGNORED` for a type that the proxy does not watch."""
    found = row.states.get(url)
    if found is None:
        return "IGNORED"
    since = _age(found.sent_time, row.asked)
    return f"{found.status} ({since})" if since else found.status


def short(url: str) -> str:
    """What istioctl calls a type; its URL where it has no name for it."""
    return NAMES.get(url, url)


def table(found: list[Row]) -> Table:
    """NAME CLUSTER ISTIOD VERSION SUBSCRIBED TYPES."""
    columns = ("NAME", "CLUSTER", "ISTIOD", "VERSION", "SUBSCRIBED TYPES")
    return Table(
        columns,
        tuple((row.proxy, row.cluster, row.istiod, row.version, _subscribed(row)) for row in found),
        padding=5,
    )


def _subscribed(row: Row) -> str:
    urls = [url for url in _FIRST if url in row.states]
    urls += sorted(url for url in row.states if url not in _FIRST)
    return f"{len(urls)} ({','.join(short(url) for url in urls)})" if urls else "0"


def verbose_table(found: list[Row]) -> Table:
    """A column for each type that any proxy watches, by type URL."""
    urls = sorted({*_ALWAYS, *(url for row in found for url in row.states)})
    return _states_table(found, urls)


def wide_table(found: list[Row]) -> Table:
    """The layout of 1.23 to 1.26: CDS LDS EDS RDS ECDS."""
    return _states_table(found, _ALWAYS)


def _states_table(found: list[Row], urls: list[str]) -> Table:
    columns = ("NAME", "CLUSTER", *(short(url) for url in urls), "ISTIOD", "VERSION")
    rows_ = ((row.proxy, row.cluster, *(state(row, url) for url in urls), row.istiod, row.version) for row in found)
    return Table(columns, tuple(rows_), padding=5)


def as_json(found: list[Row]) -> list[dict[str, Any]]:
    """What the tables leave out, too: nonces, times and the text of a rejection."""
    return [
        {
            "name": row.proxy,
            "cluster": row.cluster,
            "istiod": row.istiod,
            "version": row.version,
            "type": row.kind,
            "xds": [_state_json(row, row.states[url]) for url in sorted(row.states)],
        }
        for row in found
    ]


def _state_json(row: Row, found: SyncState) -> dict[str, str]:
    out = {
        "type": short(found.url),
        "typeUrl": found.url,
        "status": found.status,
        "age": _age(found.sent_time, row.asked),
        "sent": found.sent,
        "acked": found.acked,
        "lastError": found.last_error,
    }
    return {key: value for key, value in out.items() if value or key in ("sent", "acked")}


def _age(then: datetime | None, now: datetime | None) -> str:
    """`3m2s`; empty where a time is unknown."""
    return human((now - then).total_seconds()) if then and now else ""
