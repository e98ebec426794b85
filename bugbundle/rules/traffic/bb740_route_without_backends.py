"""BB740: a rule of a Gateway API route has nothing to send its requests to."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

ANSWERS = frozenset({"RequestRedirect", "ExtensionRef"})
"""Filters that answer in place of a backend, or may."""


@rule(
    "BB740",
    per=Mesh,
    level=Level.WARNING,
    reads={res.HTTP_ROUTE},
    optional={res.GRPC_ROUTE, Source.LOG},
    explains={"BB750", "BB302"},
    message="{kind} {name} answers {which} with 500: {why}{seen}",
)
def route_without_backends(mesh: Mesh) -> Iterator[Evidence]:
    """A rule of an HTTPRoute or GRPCRoute has no backendRefs, or all of them weigh 0, and no filter answers for it.

    Istio sets such a rule up to answer 500 (pilot/pkg/config/kube/gateway/conversion.go).

    ## Why it matters
    Every request that the rule matches fails.

    ## What to do
    Add a backendRef with a weight above 0, or a RequestRedirect filter, or remove the rule.
    """
    for route in [*mesh.kube.list(res.HTTP_ROUTE), *mesh.kube.list(res.GRPC_ROUTE)]:
        rules = dicts(route.spec.get("rules"))
        empty = [number for number, one in enumerate(rules) if _empty(one)]
        if empty:
            yield _evidence(mesh, route, empty, len(rules))


def _empty(entry: dict[str, object]) -> bool:
    backends = dicts(entry.get("backendRefs"))
    answered = any(one.get("type") in ANSWERS for one in dicts(entry.get("filters")))
    return not answered and all(one.get("weight") == 0 for one in backends)


def _evidence(mesh: Mesh, route: KubeObject, empty: list[int], total: int) -> Evidence:
    hits = [fault for fault in failures(mesh).lost() if fault.code == "500" and _meets(route, fault.authority)]
    number = times(hits)
    backends = any(dicts(dicts(route.spec.get("rules"))[one].get("backendRefs")) for one in empty)
    return Evidence(
        ref(route),
        {
            "kind": route.kind,
            "name": name_of(route),
            "which": "every request" if len(empty) == total else f"the requests of {some(len(empty), 'rule')}",
            "why": "its backends all have weight 0" if backends else "it has no backendRefs",
            "seen": f"; {some(number, 'request')} so far" if number else "",
        },
        proofs=(
            *(Proof(route.at(f"/spec/rules/{one}"), "no backend") for one in empty[:3]),
            *(proof(fault) for fault in hits[-1:]),
        ),
        affects=tuple(dict.fromkeys(fault.proxy.id for fault in hits)),
        level=Level.ERROR if number else Level.WARNING,
    )


def _meets(route: KubeObject, authority: str) -> bool:
    """Whether a request's host is one of the route's; a route without hostnames takes any."""
    names = [name for name in route.spec.get("hostnames") or [] if isinstance(name, str)]
    host = authority.rpartition(":")[0] if authority.rpartition(":")[2].isdigit() else authority
    return not names or any(host == name or (name[:2] == "*." and host.endswith(name[1:])) for name in names)
