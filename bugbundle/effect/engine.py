"""All effects of a mesh: each object's own kind, and before it what holds for every kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bugbundle.effect import cluster, destination, edge, envoy_filter, extension, gateway_api, policy, registry, routing
from bugbundle.effect.bypass import bypassed, service
from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.versions import outdated
from bugbundle.effect.world import world
from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import index

KINDS: dict[str, Callable[[Mesh, KubeObject], Effect]] = {
    res.VIRTUAL_SERVICE: routing.virtual_service,
    res.DESTINATION_RULE: destination.destination_rule,
    res.GATEWAY: edge.gateway,
    res.SERVICE_ENTRY: registry.service_entry,
    res.WORKLOAD_ENTRY: registry.workload_entry,
    res.SIDECAR: registry.sidecar,
    res.ENVOY_FILTER: envoy_filter.envoy_filter,
    res.AUTHORIZATION_POLICY: policy.authorization_policy,
    res.PEER_AUTHENTICATION: policy.peer_authentication,
    res.REQUEST_AUTHENTICATION: policy.request_authentication,
    res.TELEMETRY: extension.telemetry,
    res.WASM_PLUGIN: extension.wasm_plugin,
    res.PROXY_CONFIG: extension.proxy_config,
    res.K8S_GATEWAY: gateway_api.gateway,
    res.HTTP_ROUTE: gateway_api.route,
    res.GRPC_ROUTE: gateway_api.route,
    res.TCP_ROUTE: gateway_api.route,
    res.TLS_ROUTE: gateway_api.route,
    res.REFERENCE_GRANT: gateway_api.grant,
    res.BACKEND_TLS_POLICY: gateway_api.backend_tls_policy,
    res.NETWORK_POLICY: cluster.network_policy,
    res.MUTATING: cluster.mutating_webhook,
}
"""List → what judges its objects."""

OF_ISTIO = frozenset(KINDS) - {res.NETWORK_POLICY, res.MUTATING}
READS: frozenset[Source | str] = frozenset(
    {
        *KINDS, res.POD, res.SERVICE, res.NAMESPACE, res.CONFIG_MAP, res.GATEWAY_CLASS, res.CRD,
        Source.ENVOY_CONFIG_DUMP, Source.ZTUNNEL_CONFIG_DUMP, Source.LOG, Source.ISTIOD_DEBUG, Source.ISTIOD_VERSION,
    }
)  # fmt: skip
"""What is looked at where it is there."""


@once
def effects(mesh: Mesh, resource: str) -> list[Effect]:
    """The effects of all objects of one list; worked out once."""
    return [effect_of(mesh, resource, item) for item in mesh.kube.list(resource)]


def every(mesh: Mesh) -> Iterator[Effect]:
    """The effects of all objects of all kinds, and of Services and ServiceEntries that are bound to a waypoint."""
    for resource in KINDS:
        yield from effects(mesh, resource)
    for item in mesh.kube.list(res.SERVICE):
        found = bypassed(mesh, item)
        if found:
            yield Effect(item, service(mesh, item), (), found)


def effect_of(mesh: Mesh, resource: str, item: KubeObject) -> Effect:
    """The effect of one object. What holds for every kind comes first: where istiod does not see "
    "it, nothing else counts."""
    if resource == res.SERVICE:
        where = service(mesh, item)
        return Effect(item, where, tuple(Trace(one, "its waypoint") for one in where), bypassed(mesh, item))
    unseen = _unseen(mesh, item) if resource in OF_ISTIO else ()
    found = KINDS[resource](mesh, item) if not unseen else Effect(item, visible=False)
    extra = (*outdated(mesh, resource, item), *(bypassed(mesh, item) if resource == res.SERVICE_ENTRY else ()))
    found.why = (*unseen, *extra, *found.why)
    if any(one.reason is Reason.VERSION and not one.part for one in found.why):
        found.visible = False
    return found


def _unseen(mesh: Mesh, item: KubeObject) -> tuple[Why, ...]:
    """Why istiod does not take the object at all: its namespace, its revision."""
    known = world(mesh)
    if known.discovered(item.namespace) is False and known.knows(item) is not True:
        space = index(mesh).namespaces.get(item.namespace)
        config = known.config_map
        wanted = _selectors(mesh)
        labels = as_dict(known.selectors[0].get("matchLabels"))
        label = next((f"{key}={value}" for key, value in labels.items()), "")
        text = (
            f"lies in namespace {item.namespace}, which meshConfig.discoverySelectors ({wanted}) do not select: "
            "istiod does not see it"
        )
        how = f"kubectl label namespace {item.namespace} {label}" if label else "as the selectors ask"
        todo = f"Label the namespace ({how}), or take it into discoverySelectors."
        things = [one for one in (space, config) if one is not None]
        proofs = [Proof(config.at("/data/mesh"), f"discoverySelectors: {wanted}")] if config else []
        if space is not None:
            proofs.append(Proof(space.at("/metadata/labels"), ", ".join(f"{k}={v}" for k, v in space.labels.items())))
        hosts = _hosts(item)
        return (
            Why(Reason.NOT_DISCOVERED, text, todo, "", tuple(map(ref, things)), tuple(proofs), hosts, told="BB771"),
        )
    if known.served(item) is False and known.knows(item) is not True:
        wanted = item.labels.get("istio.io/rev", "")
        there = ", ".join(sorted(known.revisions))
        text = f"has label istio.io/rev={wanted}, and the control planes that run are of {there}"
        todo = f"Write one of {there} into the label, or take it off."
        return (
            Why(
                Reason.NO_CONTROL_PLANE, text, todo, "", (), (Proof(item.at("/metadata/labels"), wanted),), _hosts(item)
            ),
        )
    return ()


def _hosts(item: KubeObject) -> tuple[str, ...]:
    from bugbundle.mesh.config.hosts import full_name, texts_of

    names = [*texts_of(item.spec.get("hosts")), *texts_of(item.spec.get("hostnames"))]
    host = item.spec.get("host")
    return tuple(full_name(one, item.namespace) for one in (*names, *((host,) if isinstance(host, str) else ())))


def _selectors(mesh: Mesh) -> str:
    """The discoverySelectors in one line."""
    parts = []
    for one in world(mesh).selectors:
        labels = as_dict(one.get("matchLabels"))
        parts.append(",".join(f"{key}={value}" for key, value in labels.items()) or "matchExpressions")
    return " or ".join(parts)
