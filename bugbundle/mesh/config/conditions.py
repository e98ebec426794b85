"""Negative conditions in the status of objects that Istio's controllers write."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_list, dicts

WAYPOINT = ("istio.io/WaypointBound",)
POLICY = ("ZtunnelAccepted", "WaypointAccepted")
GATEWAY_API = ("Accepted", "Programmed", "ResolvedRefs")
WATCHED = (
    (res.SERVICE, WAYPOINT),
    (res.SERVICE_ENTRY, WAYPOINT),
    (res.WORKLOAD_ENTRY, WAYPOINT),
    (res.AUTHORIZATION_POLICY, POLICY),
    (res.K8S_GATEWAY, GATEWAY_API),
)

Found = tuple[KubeObject, str, dict[str, Any]]


def negative_conditions(mesh: Mesh) -> Iterator[Found]:
    """(object, pointer, condition) as istioctl's conditions.ConditionAnalyzer finds them."""
    for resource, types in WATCHED:
        for item in analysed(mesh, resource):
            for number, condition in enumerate(item.conditions()):
                if condition.get("type") in types and _negative(condition):
                    yield item, f"/status/conditions/{number}", condition
    for resource in (res.HTTP_ROUTE, res.GRPC_ROUTE):
        for item in analysed(mesh, resource):
            yield from parent_conditions(item)


def parent_conditions(route: KubeObject) -> Iterator[Found]:
    """The negative conditions of a route, for each parent."""
    for place, parent in enumerate(dicts(route.status.get("parents"))):
        for number, condition in enumerate(dicts(parent.get("conditions"))):
            if condition.get("type") in GATEWAY_API and condition.get("status") == "False":
                yield route, f"/status/parents/{place}/conditions/{number}", condition


def listener_conditions(gateway: KubeObject) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(pointer, condition, listener) of what failed at the listeners of a Gateway API gateway."""
    for place, listener in enumerate(as_list(gateway.status.get("listeners"))):
        for number, condition in enumerate(dicts(as_dict(listener).get("conditions"))):
            wrong = "True" if condition.get("type") == "Conflicted" else "False"
            known = condition.get("type") in (*GATEWAY_API, "Conflicted")
            if known and condition.get("status") == wrong:
                name = str(as_dict(listener).get("name", ""))
                yield f"/status/listeners/{place}/conditions/{number}", condition, name


def _negative(condition: dict[str, Any]) -> bool:
    partial = condition.get("type") == "WaypointAccepted" and condition.get("reason") == "PartiallyInvalid"
    return condition.get("status") == "False" or partial
