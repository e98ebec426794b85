"""`proxy-config endpoint`: what Envoy says of its hosts (`clusters?format=json`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.codec import JSONError, decode
from bugbundle.errors import DumpError
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.views import gosort
from bugbundle.views.protojson import shape
from bugbundle.views.proxy_config import address
from bugbundle.views.proxy_config.dump import get, path, text
from bugbundle.views.proxy_config.text import same
from bugbundle.views.table import Table
from bugbundle.xds import schema

MESSAGE = "envoy.admin.v3.ClusterStatus"
_HEALTH = "envoy.config.core.v3.HealthStatus"


@dataclass(frozen=True, slots=True)
class EndpointFilter:
    """Address, cluster and status without regard to case, the port exactly; empty and 0 let everything through."""

    address: str = ""
    port: int = 0
    cluster: str = ""
    status: str = ""

    def lets(self, shown: str, port: int, cluster: str, status: str) -> bool:
        """Whether an endpoint is shown."""
        return (
            (not self.address or same(shown, self.address))
            and (not self.port or port == self.port)
            and (not self.cluster or same(cluster, self.cluster))
            and (not self.status or same(status, self.status))
        )


def health(value: Any) -> str:
    """The name of an EDS health status; UNKNOWN where there is none."""
    return value if isinstance(value, str) else schema.enum(_HEALTH).get(str(value or 0), str(value))


def summary(data: bytes, wanted: EndpointFilter, where: str = "") -> Table:
    """One row per host of every cluster."""
    found = [
        (_address(host), address.port(get(host, "address")), cluster, _status(host), _outlier(host))
        for cluster, host in _hosts(data, where)
        if _lets(wanted, host, cluster)
    ]
    rows = [
        (f"{shown}:{port}" if port else shown, status, outlier, cluster)
        for shown, port, cluster, status, outlier in gosort.sorted_by(found, lambda row: row[:3])
    ]
    return Table(("ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"), tuple(rows), padding=5)


def tree(data: bytes, wanted: EndpointFilter, where: str = "") -> list[Any]:
    """Every cluster of which one host is shown, whole, as protobuf JSON."""
    return [
        shape(cluster, MESSAGE)
        for cluster in _clusters(data, where)
        if any(_lets(wanted, h, as_text(get(cluster, "name"))) for h in dicts(get(cluster, "host_statuses")))
    ]


def _clusters(data: bytes, where: str) -> list[dict[str, Any]]:
    try:
        return dicts(get(as_dict(decode(data, where)), "cluster_statuses"))
    except JSONError as error:
        what = f"not Envoy's clusters?format=json: {error.what}"
        raise DumpError(what, where=where, todo="Record it again") from None


def _hosts(data: bytes, where: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (as_text(get(cluster, "name")), host)
        for cluster in _clusters(data, where)
        for host in dicts(get(cluster, "host_statuses"))
    ]


def _lets(wanted: EndpointFilter, host: dict[str, Any], cluster: str) -> bool:
    return wanted.lets(_address(host), address.port(get(host, "address")), cluster, _status(host))


def _address(host: dict[str, Any]) -> str:
    found = get(host, "address")
    if address.socket(found) is not None:
        return text(found, "socket_address", "address")
    if isinstance(get(found, "pipe"), dict):
        return f"unix://{text(found, 'pipe', 'path')}"
    return address.internal(found) or "unknown"


def _status(host: dict[str, Any]) -> str:
    return health(path(host, "health_status", "eds_health_status"))


def _outlier(host: dict[str, Any]) -> str:
    return "FAILED" if path(host, "health_status", "failed_outlier_check") is True else "OK"
