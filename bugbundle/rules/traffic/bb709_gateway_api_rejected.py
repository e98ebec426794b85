"""BB709: a Gateway or route of the Gateway API says that something it refers to is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.conditions import listener_conditions, parent_conditions
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB709",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={res.K8S_GATEWAY, res.HTTP_ROUTE, res.GRPC_ROUTE, res.TCP_ROUTE, res.TLS_ROUTE},
    message="{type} is {status} for {object}{where} ({reason}): {text}",
    explains={"BB301", "BB406", "BB704", "BB750", "IST0171"},
)
def gateway_api_rejected(mesh: Mesh) -> Iterator[Evidence]:
    """A Gateway or route of the Gateway API says that something it refers to is wrong.

    ## Why it matters
    A listener without its certificate does not open; a route without its backend answers 500; one that its
    parent does not accept is not served.

    ## What to do
    Read the reason. InvalidCertificateRef: create the Secret (type kubernetes.io/tls) or correct its name;
    RefNotPermitted: add a ReferenceGrant in the other namespace; BackendNotFound: correct the backend;
    NotAllowedByListeners, NoMatchingListenerHostname, NoMatchingParent: compare route and listener;
    AddressNotAssigned: the load balancer of the gateway's Service has given no address.
    """
    for gateway in mesh.kube.list(res.K8S_GATEWAY):
        broken = any(True for _ in listener_conditions(gateway))
        for number, condition in enumerate(gateway.conditions() if not broken else ()):
            wrong = condition.get("type") in ("Accepted", "Programmed") and condition.get("status") == "False"
            if wrong and not echo(condition) and condition.get("reason") != "ListenersNotValid":
                yield told(gateway, f"/status/conditions/{number}", condition, "")
        for pointer, condition, listener in listener_conditions(gateway):
            if not echo(condition):
                yield told(gateway, pointer, condition, f", listener {listener}")
    for resource in (res.HTTP_ROUTE, res.GRPC_ROUTE, res.TCP_ROUTE, res.TLS_ROUTE):
        for route in mesh.kube.list(resource):
            for route_, pointer, condition in parent_conditions(route):
                yield told(route_, pointer, condition, "")


PENDING = frozenset({"AddressNotAssigned", "AddressNotUsable", "Pending"})
"""What a load balancer may still mend: the gateway serves inside of the cluster already."""


def echo(condition: dict[str, Any]) -> bool:
    """Whether a condition only repeats another one: Programmed is False because ResolvedRefs is."""
    return condition.get("type") == "Programmed" and condition.get("reason") == "Invalid"


def told(item: KubeObject, pointer: str, condition: dict[str, Any], where: str) -> Evidence:
    """The finding on one condition."""
    values = {key: as_text(condition.get(key)) for key in ("type", "status", "reason")}
    text = as_text(condition.get("message"))
    return Evidence(
        ref(item),
        {**values, "object": item, "where": where, "text": text},
        objects=tuple(parents(item)),
        proofs=(Proof(item.at(pointer), f"{values['type']}={values['status']}, {values['reason']}: {text}"),),
        level=Level.WARNING if values["reason"] in PENDING else Level.ERROR,
    )


def parents(item: KubeObject) -> Iterator[Ref]:
    """The Gateways or Services that a route names, and its backends."""
    for parent in dicts(item.spec.get("parentRefs")):
        space = as_text(parent.get("namespace")) or item.namespace
        yield Ref(as_text(parent.get("kind")) or "Gateway", space, as_text(parent.get("name")))
    for rule_ in dicts(item.spec.get("rules")):
        for backend in dicts(rule_.get("backendRefs")):
            space = as_text(backend.get("namespace")) or item.namespace
            yield Ref(as_text(backend.get("kind")) or "Service", space, as_text(backend.get("name")))
