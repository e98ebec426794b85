"""BB725: a route of the Gateway API names a parent that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Evidence, Level, rule

PARENTS = {"Gateway": res.K8S_GATEWAY, "Service": res.SERVICE, "ServiceEntry": res.SERVICE_ENTRY}
ROUTES = (res.HTTP_ROUTE, res.GRPC_ROUTE, res.TCP_ROUTE, res.TLS_ROUTE)


@rule(
    "BB725",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={*ROUTES, *PARENTS.values()},
    explains={"BB709", "BB724", "BB750", "IST0171"},
    message="{route} is bound to {parent}, {problem}: it is served nowhere",
)
def route_parent_missing(mesh: Mesh) -> Iterator[Evidence]:
    """A route's `parentRefs` name a Gateway or Service that does not exist, or a listener that the Gateway lacks.

    ## Why it matters
    No controller takes the route, and none writes a status for it: it does nothing, and nothing says so.

    ## What to do
    Correct `parentRefs`: name, namespace (the route's own where none is given), `sectionName`; or create the Gateway.
    """
    for resource in ROUTES:
        for route in mesh.kube.list(resource):
            for number, parent in enumerate(dicts(route.spec.get("parentRefs"))):
                kind = as_text(parent.get("kind")) or "Gateway"
                space = as_text(parent.get("namespace")) or route.namespace
                problem = _problem(mesh, kind, space, parent)
                if problem:
                    target = Ref(kind, space, as_text(parent.get("name")))
                    shown = Proof(route.at(f"/spec/parentRefs/{number}"), str(target))
                    values = {"route": f"{route.kind} {name_of(route)}", "parent": target, "problem": problem}
                    yield Evidence(ref(route), values, objects=(target,), proofs=(shown,))


def _problem(mesh: Mesh, kind: str, space: str, parent: dict[str, Any]) -> str:
    listed = PARENTS.get(kind)
    if listed is None or not index(mesh).covers(listed, space):
        return ""
    found = mesh.kube.get(listed, space, as_text(parent.get("name")))
    if found is None:
        return "which does not exist"
    section = as_text(parent.get("sectionName"))
    if kind == "Gateway" and section and section not in _listeners(found):
        return f"which has no listener {section}"
    return ""


def _listeners(gateway: KubeObject) -> set[str]:
    return {as_text(one.get("name")) for one in dicts(gateway.spec.get("listeners"))}
