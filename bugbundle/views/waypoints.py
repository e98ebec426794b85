"""`waypoint list|status`: Gateways of class istio-waypoint. Source: istioctl/pkg/waypoint/waypoint.go of 1.29."""

from __future__ import annotations

from collections.abc import Sequence

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import KubeObject, as_text
from bugbundle.views.table import Table, render

GATEWAYS = "gateways.gateway.networking.k8s.io"
CLASS = "istio-waypoint"
NONE = "No waypoints found.\n"


def _gateways(mesh: Mesh, namespace: str | None) -> list[KubeObject]:
    """Every Gateway of a namespace (None: of all), by namespace and name."""
    found = [g for g in mesh.kube.list(GATEWAYS) if namespace is None or g.namespace == namespace]
    return sorted(found, key=lambda gateway: (gateway.namespace, gateway.name))


def _waypoints(gateways: list[KubeObject]) -> list[KubeObject]:
    return [gateway for gateway in gateways if gateway.spec.get("gatewayClassName") == CLASS]


def waypoint_list(mesh: Mesh, namespace: str | None) -> str:
    """The table; with NAMESPACE where `namespace` is None."""
    gateways = _gateways(mesh, namespace)
    if not gateways:
        return NONE
    rows = []
    for gateway in _waypoints(gateways):
        found = [as_text(c.get("status")) for c in gateway.conditions() if c.get("type") == "Programmed"]
        revision = gateway.labels.get("istio.io/rev") or "default"
        traffic = gateway.labels.get("istio.io/waypoint-for") or "none"
        rows.append((gateway.namespace, gateway.name, revision, traffic, found[-1] if found else "False"))
    return _render(("NAMESPACE", "NAME", "REVISION", "TRAFFIC TYPE", "PROGRAMMED"), rows, namespace)


def waypoint_status(mesh: Mesh, namespace: str | None) -> tuple[str, list[str]]:
    """(the table, the waypoints that are not programmed, as `ns/name`): istioctl waits for these."""
    gateways = _gateways(mesh, namespace)
    if not gateways:
        return NONE, []
    rows, waiting = [], []
    for gateway in _waypoints(gateways):
        conditions = gateway.conditions()
        ready = [c for c in conditions if c.get("type") == "Programmed" and c.get("status") == "True"]
        shown = (ready or conditions[-1:] or [{}])[0]
        cells = (as_text(shown.get(key)) for key in ("status", "type", "reason", "message"))
        rows.append((gateway.namespace, gateway.name, *cells))
        if not ready:
            waiting.append(f"{gateway.namespace}/{gateway.name}")
    return _render(("NAMESPACE", "NAME", "STATUS", "TYPE", "REASON", "MESSAGE"), rows, namespace), waiting


def _render(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]], namespace: str | None) -> str:
    first = 0 if namespace is None else 1
    return render(Table(columns[first:], tuple(row[first:] for row in rows), padding=5))
