"""Gateway API: Gateways, routes, ReferenceGrants, BackendTLSPolicies, by their own status and by what istiod made of
them.

Sources: gateway-api spec (conditions and reasons: apis/v1/shared_types.go, httproute_types.go),
pilot/pkg/config/kube/gateway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.traces import traces
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.gateway_exposure import GATEWAY_NAME
from bugbundle.mesh.config.hosts import host_matches, texts_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.workloads.index import alive, index, pod_id

REASONS = {
    "NoMatchingListenerHostname": Reason.NO_MEETING,
    "NotAllowedByListeners": Reason.HIDDEN,
    "NoMatchingParent": Reason.NO_TARGET,
    "RefNotPermitted": Reason.HIDDEN,
    "BackendNotFound": Reason.NO_TARGET,
    "InvalidKind": Reason.NEVER,
    "UnsupportedValue": Reason.VERSION,
    "UnsupportedProtocol": Reason.VERSION,
    "IncompatibleFilters": Reason.NEVER,
    "Conflicted": Reason.OVERRULED,
    "TargetNotFound": Reason.NO_TARGET,
    "InvalidTargetRef": Reason.NO_TARGET,
}
"""Reasons of the Gateway API → ours."""

PARENTS = {"Gateway": res.K8S_GATEWAY, "Service": res.SERVICE, "ServiceEntry": res.SERVICE_ENTRY}
SOON = 3
"""Listeners' conditions that are told of one Gateway."""


def gateway(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one Gateway of the Gateway API: the pods that istiod made for it, or that serve it."""
    pods = [pod for pod in index(mesh).select({GATEWAY_NAME: item.name}, item.namespace) if alive(pod)]
    effect = Effect(item, tuple(map(pod_id, pods)), tuple(Trace(pod_id(pod), "runs it") for pod in pods))
    why = [
        _condition(item, f"/status/conditions/{number}", condition, "")
        for number, condition in enumerate(item.conditions())
        if condition.get("type") in ("Accepted", "Programmed") and condition.get("status") == "False"
    ]
    effect.why = tuple(why[:SOON])
    return effect


def _condition(
    item: KubeObject, place: str, condition: dict[str, Any], parent: str, objects: tuple[Ref, ...] = ()
) -> Why:
    name, message = as_text(condition.get("reason")), as_text(condition.get("message"))
    text = f"is not {_WORDS.get(as_text(condition.get('type')), 'in effect')}{parent}: {name}: {message}"
    todo = _TODO.get(name, "Correct what the condition names.")
    reason = REASONS.get(name, Reason.NO_MEETING)
    proof = Proof(item.at(place), f"{condition.get('type')}=False, {name}")
    told = "IST0171" if item.kind in ("Gateway", "HTTPRoute", "GRPCRoute") else ""
    return Why(reason, text, todo, place, objects, (proof,), tuple(texts_of(item.spec.get("hostnames"))), told=told)


_WORDS = {"Accepted": "accepted", "Programmed": "programmed", "ResolvedRefs": "resolved"}
_TODO = {
    "NoMatchingListenerHostname": "Give the route a hostname that a listener of the Gateway has, or add a listener.",
    "NotAllowedByListeners": "Let the listener's allowedRoutes take the route's namespace and kind.",
    "NoMatchingParent": "Correct name, sectionName or port in parentRefs.",
    "RefNotPermitted": "Write a ReferenceGrant in the namespace of what is referred to.",
    "BackendNotFound": "Correct backendRefs, or create the Service.",
}


def route(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one route: where its parents run, and what istiod made of it."""
    should: dict[str, None] = {}
    found: dict[str, str] = {}
    why: list[Why] = []
    for number, parent in enumerate(dicts(item.spec.get("parentRefs"))):
        kind = as_text(parent.get("kind")) or "Gateway"
        space = as_text(parent.get("namespace")) or item.namespace
        target = mesh.kube.get(PARENTS[kind], space, as_text(parent.get("name"))) if kind in PARENTS else None
        if target is None:
            continue
        place = f"/spec/parentRefs/{number}"
        if kind == "Gateway":
            pods = index(mesh).select({GATEWAY_NAME: target.name}, target.namespace)
            should |= dict.fromkeys(pod_id(pod) for pod in pods if alive(pod))
            found |= traces(mesh).generated(item.namespace, _made_for(item, target))
            why += _at_listeners(mesh, item, target, parent, place)
        else:
            part = f"~{target.name}.{target.namespace}.svc" if kind == "Service" else "~"
            found |= traces(mesh).generated(item.namespace, lambda made, part=part: part in made)  # type: ignore[misc]
    why += _backends(mesh, item)
    stated = list(_status(item))
    why = [replace(one, told="BB709") for one in why] if stated else why
    why += [] if why else stated
    acts = tuple(Trace(*one) for one in found.items())
    return Effect(item, tuple(should), acts, tuple(why), visible=item.kind in ("HTTPRoute", "GRPCRoute"))


def _made_for(item: KubeObject, gateway: KubeObject) -> Any:
    hosts = texts_of(item.spec.get("hostnames"))
    heads = tuple(f"{gateway.namespace}~{gateway.name}{mark}istio-autogenerated-k8s-gateway" for mark in "~-")

    def fits(made: str) -> bool:
        return made.startswith(heads) and (
            not hosts or any(host_matches(made.rpartition("~")[2], one) for one in hosts)
        )

    return fits


def _status(item: KubeObject) -> Iterator[Why]:
    for place, parent in enumerate(dicts(item.status.get("parents"))):
        named = as_dict(parent.get("parentRef"))
        text = f" by {as_text(named.get('kind')) or 'Gateway'} {as_text(named.get('name'))}"
        target = Ref(
            as_text(named.get("kind")) or "Gateway",
            as_text(named.get("namespace")) or item.namespace,
            as_text(named.get("name")),
        )
        for number, condition in enumerate(dicts(parent.get("conditions"))):
            if condition.get("type") in ("Accepted", "ResolvedRefs") and condition.get("status") == "False":
                yield _condition(item, f"/status/parents/{place}/conditions/{number}", condition, text, (target,))


def _at_listeners(mesh: Mesh, item: KubeObject, gateway: KubeObject, parent: dict[str, Any], place: str) -> list[Why]:
    """Where no listener of the Gateway takes the route: its namespace, or its hostnames."""
    section = as_text(parent.get("sectionName"))
    listeners = [one for one in dicts(gateway.spec.get("listeners")) if not section or one.get("name") == section]
    allowed = [one for one in listeners if _takes_namespace(mesh, one, gateway, item)]
    hosts = texts_of(item.spec.get("hostnames"))
    if listeners and not allowed:
        rule = as_dict(as_dict(listeners[0].get("allowedRoutes")).get("namespaces"))
        mode = as_text(rule.get("from")) or "Same"
        which = "a selector that does not fit" if mode == "Selector" else f"from: {mode}"
        text = (
            f"lies in namespace {item.namespace}, and no listener of {gateway} takes routes from there "
            f"(allowedRoutes {which})"
        )
        todo = f"Let allowedRoutes.namespaces of {gateway} take {item.namespace} (from: All, or a selector)."
        proofs = (Proof(gateway.at("/spec/listeners"), f"allowedRoutes {which}"),)
        return [Why(Reason.HIDDEN, text, todo, place, (ref(gateway),), proofs, tuple(hosts))]
    names = [as_text(one.get("hostname")) for one in allowed]
    if hosts and allowed and all(names) and not any(host_matches(name, host) for name in names for host in hosts):
        text = f"is for {', '.join(hosts)}, and {gateway} serves {', '.join(names)}"
        todo = f"Add a listener for {hosts[0]} to {gateway}, or correct the hostnames of the route."
        proofs = (Proof(gateway.at("/spec/listeners"), ", ".join(names)),)
        return [Why(Reason.NO_MEETING, text, todo, place, (ref(gateway),), proofs, tuple(hosts))]
    return []


def _takes_namespace(mesh: Mesh, listener: dict[str, Any], gateway: KubeObject, item: KubeObject) -> bool:
    rule = as_dict(as_dict(listener.get("allowedRoutes")).get("namespaces"))
    mode = as_text(rule.get("from")) or "Same"
    if mode == "All":
        return True
    if mode == "Selector":
        space = index(mesh).namespaces.get(item.namespace)
        return space is None or matches(rule.get("selector"), space.labels, absent=True)
    return item.namespace == gateway.namespace


def _backends(mesh: Mesh, item: KubeObject) -> Iterator[Why]:
    """Backends of another namespace that no ReferenceGrant permits."""
    for number, rule in enumerate(dicts(item.spec.get("rules"))):
        for place, backend in enumerate(dicts(rule.get("backendRefs"))):
            space, name = as_text(backend.get("namespace")), as_text(backend.get("name"))
            kind = as_text(backend.get("kind")) or "Service"
            if not space or space == item.namespace or not mesh.kube.recorded(res.REFERENCE_GRANT):
                continue
            if any(
                _grants(grant, item, kind, name)
                for grant in mesh.kube.list(res.REFERENCE_GRANT)
                if grant.namespace == space
            ):
                continue
            pointer = f"/spec/rules/{number}/backendRefs/{place}"
            text = (
                f"sends to {kind} {space}/{name}, and no ReferenceGrant of namespace {space} permits that from "
                f"{item.namespace}"
            )
            todo = f"Write a ReferenceGrant in {space}: from {item.kind} of {item.namespace} to {kind}."
            proofs = (Proof(item.at(pointer), f"{kind} {space}/{name}"),)
            hosts = tuple(texts_of(item.spec.get("hostnames")))
            yield Why(Reason.HIDDEN, text, todo, pointer, (Ref(kind, space, name),), proofs, hosts)


def _grants(grant: KubeObject, item: KubeObject, kind: str, name: str) -> bool:
    sources = dicts(grant.spec.get("from"))
    targets = dicts(grant.spec.get("to"))
    permitted = any((one.get("kind"), one.get("namespace")) == (item.kind, item.namespace) for one in sources)
    return permitted and any(one.get("kind") == kind and as_text(one.get("name")) in ("", name) for one in targets)


def grant(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one ReferenceGrant: the routes and Gateways that refer by its leave."""
    uses: list[str] = []
    for resource in (res.HTTP_ROUTE, res.GRPC_ROUTE, res.TCP_ROUTE, res.TLS_ROUTE):
        for one in mesh.kube.list(resource):
            for rule in dicts(one.spec.get("rules")):
                for backend in dicts(rule.get("backendRefs")):
                    kind = as_text(backend.get("kind")) or "Service"
                    if backend.get("namespace") == item.namespace and _grants(
                        item, one, kind, as_text(backend.get("name"))
                    ):
                        uses.append(str(one))
    for one in mesh.kube.list(res.K8S_GATEWAY):
        refs = [
            r
            for each in dicts(one.spec.get("listeners"))
            for r in dicts(as_dict(each.get("tls")).get("certificateRefs"))
        ]
        if any(
            r.get("namespace") == item.namespace and _grants(item, one, "Secret", as_text(r.get("name"))) for r in refs
        ):
            uses.append(str(one))
    effect = Effect(item, tuple(uses), tuple(Trace(one, "refers by its leave") for one in dict.fromkeys(uses)))
    if not uses:
        text = "permits references that no route and no Gateway makes"
        effect.why = (
            Why(Reason.NO_TARGET, text, "Compare its from and to with the references, or remove it.", advice=True),
        )
    return effect


def backend_tls_policy(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one BackendTLSPolicy: the Services that it names; its status tells the rest."""
    named: list[str] = []
    why: list[Why] = []
    for number, target in enumerate(dicts(item.spec.get("targetRefs"))):
        kind, name = as_text(target.get("kind")) or "Service", as_text(target.get("name"))
        found = mesh.kube.get(PARENTS[kind], item.namespace, name) if kind in PARENTS else None
        if found is None and kind in PARENTS:
            place = f"/spec/targetRefs/{number}"
            text = f"is for {kind} {item.namespace}/{name}, which does not exist"
            why.append(
                Why(Reason.NO_TARGET, text, "Correct targetRefs; the target lies in the policy's namespace.", place)
            )
            continue
        named.append(str(found))
        section = as_text(target.get("sectionName"))
        ports = [as_text(port.get("name")) for port in dicts(found.spec.get("ports"))] if found else []
        if section and section not in ports:
            place = f"/spec/targetRefs/{number}/sectionName"
            text = f"is for port {section} of {found}, which has {', '.join(ports)}"
            why.append(
                Why(
                    Reason.NO_MEETING,
                    text,
                    f"Write one of {', '.join(ports)} as sectionName.",
                    place,
                    (ref(found),) if found else (),
                )
            )
    for spot, parent in enumerate(dicts(item.status.get("ancestors"))):
        for number, condition in enumerate(dicts(parent.get("conditions"))):
            if condition.get("type") == "Accepted" and condition.get("status") == "False":
                why.append(_condition(item, f"/status/ancestors/{spot}/conditions/{number}", condition, ""))
    return Effect(
        item, tuple(named), tuple(Trace(one, "target") for one in named if not why), tuple(why), visible=False
    )
