"""`proxy-config cluster`: CDS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_text
from bugbundle.views import gosort
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config.dump import ConfigDump, get, resources
from bugbundle.views.proxy_config.text import cluster_name, is_service_cluster, owner
from bugbundle.views.table import Table
from bugbundle.xds import schema

MESSAGE = "envoy.config.cluster.v3.Cluster"
_TYPES = "envoy.config.cluster.v3.Cluster.DiscoveryType"


@dataclass(frozen=True, slots=True)
class ClusterFilter:
    """All but the port are substrings of the cluster's name; empty and 0 let everything through."""

    fqdn: str = ""
    port: int = 0
    subset: str = ""
    direction: str = ""

    def lets(self, name: str) -> bool:
        """Whether a cluster is shown."""
        wanted = (self.fqdn, self.direction, self.subset, f"|{self.port}|" if self.port else "")
        return all(part in name for part in wanted)


def summary(dump: ConfigDump, wanted: ClusterFilter, *, typed: bool = False) -> Table:
    """One row per cluster; `typed` adds the column NAME of `proxy-config all`."""
    columns = ("SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE")
    rows = []
    for cluster in _clusters(dump):
        name = as_text(get(cluster, "name"))
        if wanted.lets(name):
            row = _row(cluster, name, typed)
            rows.append((f"cluster/{name}", *row) if typed else row)
    return Table(("NAME", *columns) if typed else columns, tuple(rows), padding=5)


def tree(dump: ConfigDump, wanted: ClusterFilter) -> list[Any]:
    """The clusters as protobuf JSON."""
    return [shape(c, MESSAGE) for c in _clusters(dump) if wanted.lets(as_text(get(c, "name")))]


def _row(cluster: dict[str, Any], name: str, typed: bool) -> tuple[str, ...]:
    kind = get(cluster, "type")
    if not isinstance(kind, str):
        kind = schema.enum(_TYPES).get(str(kind), "STATIC")
    if not is_service_cluster(name):
        return (f"cluster/{name}" if typed else name, "-", "-", "-", kind, owner(cluster))
    fqdn, subset, port, direction = cluster_name(name)
    return (fqdn, str(port), subset or "-", direction, kind, owner(cluster))


def _clusters(dump: ConfigDump) -> list[dict[str, Any]]:
    section = dump.section("ClustersConfigDump")
    found = [
        *resources(section, "dynamic_active_clusters", "cluster"),
        *resources(section, "static_clusters", "cluster"),
    ]
    if not found:
        raise DumpError("no clusters found")
    return gosort.sorted_by(found, lambda cluster: cluster_name(as_text(get(cluster, "name"))))
