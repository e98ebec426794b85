"""BB657: a route uses a feature of the Gateway API that its GatewayClass does not support."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.rules.model import Evidence, Level, rule

FILTERS = {
    "RequestMirror": "HTTPRouteRequestMirror",
    "ResponseHeaderModifier": "HTTPRouteResponseHeaderModification",
    "CORS": "HTTPRouteCORS",
}
"""Filter → feature (gateway-api pkg/features)."""


@rule(
    "BB657",
    per=Mesh,
    level=Level.WARNING,
    reads={res.HTTP_ROUTE, res.K8S_GATEWAY, res.GATEWAY_CLASS},
    explains={"BB709", "IST0171"},
    message=("HTTPRoute {route} uses {feature}, which GatewayClass {kind} of {gateway} does not list as supported"),
)
def feature_not_supported(mesh: Mesh) -> Iterator[Evidence]:
    """A route uses an extended feature that is not among `status.supportedFeatures` of the GatewayClass.

    ## Why it matters
    A controller that does not support a filter or match refuses the rule (500) or leaves it out; a controller of
    another version, after a rollback, may have fewer features than the one that the route was written for.

    ## What to do
    Compare the versions of the controller and of the Gateway API; express the rule without the feature until then.
    """
    for route in mesh.kube.list(res.HTTP_ROUTE):
        for parent in dicts(route.spec.get("parentRefs")):
            space = as_text(parent.get("namespace")) or route.namespace
            gateway = mesh.kube.get(res.K8S_GATEWAY, space, as_text(parent.get("name")))
            name = as_text(gateway.spec.get("gatewayClassName")) if gateway else ""
            kind = mesh.kube.get(res.GATEWAY_CLASS, "", name)
            if gateway is not None and kind is not None:
                yield from _lacking(route, gateway, kind)


def _lacking(route: KubeObject, gateway: KubeObject, kind: KubeObject) -> Iterator[Evidence]:
    """The features that a route uses and a class that lists its features does not."""
    listed = supported(kind)
    for place, feature in used(route) if listed else ():
        if feature not in listed:
            values = {"route": name_of(route), "feature": feature, "kind": kind.name, "gateway": gateway}
            shown = (
                Proof(route.at(place), feature),
                Proof(kind.at("/status/supportedFeatures"), f"{len(listed)} features"),
            )
            yield Evidence(ref(route), values, objects=(ref(gateway), ref(kind)), proofs=shown)


def supported(kind: KubeObject) -> set[str]:
    """The features that a GatewayClass lists: objects with a name, before v1.2 of the API plain names."""
    rows = kind.status.get("supportedFeatures")
    names = rows if isinstance(rows, list) else []
    return {as_text(as_dict(row).get("name")) or as_text(row) for row in names} - {""}


def used(route: KubeObject) -> Iterator[tuple[str, str]]:
    """(pointer, feature) of the extended features that a route uses."""
    for number, entry in enumerate(dicts(route.spec.get("rules"))):
        place = f"/spec/rules/{number}"
        backends = dicts(entry.get("backendRefs"))
        for item in (*dicts(entry.get("filters")), *(one for each in backends for one in dicts(each.get("filters")))):
            yield from ((f"{place}/filters", feature) for feature in _of_filter(item))
        for match in dicts(entry.get("matches")):
            if match.get("method"):
                yield f"{place}/matches", "HTTPRouteMethodMatching"
            if match.get("queryParams"):
                yield f"{place}/matches", "HTTPRouteQueryParamMatching"
        for field, feature in (("request", "HTTPRouteRequestTimeout"), ("backendRequest", "HTTPRouteBackendTimeout")):
            if as_dict(entry.get("timeouts")).get(field):
                yield f"{place}/timeouts", feature


def _of_filter(item: dict[str, Any]) -> Iterator[str]:
    kind = as_text(item.get("type"))
    if kind in FILTERS:
        yield FILTERS[kind]
    rewrite, redirect = as_dict(item.get("urlRewrite")), as_dict(item.get("requestRedirect"))
    if rewrite.get("hostname"):
        yield "HTTPRouteHostRewrite"
    if rewrite.get("path"):
        yield "HTTPRoutePathRewrite"
    for field, feature in (("port", "Port"), ("path", "Path"), ("scheme", "Scheme")):
        if redirect.get(field):
            yield f"HTTPRoute{feature}Redirect"
