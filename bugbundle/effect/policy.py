"""AuthorizationPolicy, PeerAuthentication, RequestAuthentication: whom they are for, and values that never match.

Sources: pilot/pkg/security/authz/{model,builder,matcher} (principals get `spiffe://` in front, and wildcards at one
end only; ports are the workload's; methods and paths are compared as they stand, the path without its query),
pilot/pkg/security/authn and pilot/pkg/model/authentication.go (of one level the oldest PeerAuthentication counts;
port levels need a selector).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.scope import Selection, age, selection, without_waypoint
from bugbundle.effect.traces import traces
from bugbundle.effect.values import Told, fields, service_port
from bugbundle.effect.world import world
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.config.mtls import Demands
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import index, pod_id


def authorization_policy(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one AuthorizationPolicy."""
    chosen = selection(mesh, item)
    effect = Effect(item, should=chosen.ids)
    if not chosen.ids:
        effect.why = no_waypoint(mesh, item) or (_nobody(item, chosen, "BB505" if chosen.lost else "IST0127"),)
        return effect
    effect.acts = _policy_traces(mesh, item, chosen)
    unread = [pod_id(pod) for pod in chosen.envoys if pod_id(pod) not in traces(mesh).readable]
    effect.blind = (f"{len(unread)} of {len(chosen.envoys)} proxies without a config dump",) if unread else ()
    effect.why = tuple(_impossible(mesh, item, chosen))
    if item.annotations.get("istio.io/dry-run") == "true":
        effect.notes = ("dry run: what it would deny is only logged",)
        effect.visible = False
    return effect


def _nobody(item: KubeObject, chosen: Selection, told: str) -> Why:
    if chosen.lost:
        text, todo = f"is bound to {', '.join(chosen.lost)}, which does not exist", "Correct targetRefs."
    elif chosen.bound:
        text, todo = (
            "is bound to objects that no waypoint or gateway serves",
            "Bind it to what a waypoint or gateway serves.",
        )
    else:
        text, todo = "selects no workload of the mesh", "Write labels that the pods have into spec.selector."
    return Why(Reason.NO_TARGET, text, todo, "", (), (Proof(item.at("/spec"), str(item)),), told=told, advice=True)


def no_waypoint(mesh: Mesh, item: KubeObject) -> tuple[Why, ...]:
    """Where what an object is bound to uses no waypoint."""
    things = without_waypoint(mesh, item)
    if not things:
        return ()
    first = things[0]
    text = f"is bound to {first}, which uses no waypoint (no label istio.io/use-waypoint on it or on its namespace)"
    todo = (
        f"Create a waypoint in {first.namespace} and label {first} with istio.io/use-waypoint, or bind it by selector "
        "where sidecars or ztunnel can apply it."
    )
    proofs = (
        Proof(item.at("/spec/targetRefs"), str(first)),
        Proof(first.at("/metadata/labels"), "no istio.io/use-waypoint"),
    )
    return (Why(Reason.NO_TARGET, text, todo, "", tuple(map(ref, things)), proofs),)


def _policy_traces(mesh: Mesh, item: KubeObject, chosen: Selection) -> tuple[Trace, ...]:
    found = [Trace(*one) for one in traces(mesh).of("AuthorizationPolicy", item.namespace, item.name).items()]
    for ztunnel in mesh.ztunnels if chosen.ambient else ():
        held = [as_dict(one) for one in dicts(ztunnel.config.get("policies"))]
        if any((one.get("namespace"), one.get("name")) == (item.namespace, item.name) for one in held):
            here = [pod for pod in chosen.ambient if pod.spec.get("nodeName") == ztunnel.node_name]
            found += [Trace(pod_id(pod), f"policy in {ztunnel.id}") for pod in here]
    return tuple(found)


def _impossible(mesh: Mesh, item: KubeObject, chosen: Selection) -> Iterator[Why]:
    """The fields of rules of which no value can ever match."""
    action = as_text(item.spec.get("action")) or "ALLOW"
    for number, rule in enumerate(dicts(item.spec.get("rules"))):
        place = f"/spec/rules/{number}"
        for field, values, check in fields(mesh, rule, chosen):
            bad = [(value, told) for value in values if (told := check(value))]
            if bad:
                yield _never(item, place, field, values, bad, action, chosen)
        yield from _whole_rule(mesh, item, place, rule, action, chosen)


def _never(
    item: KubeObject,
    place: str,
    field: str,
    values: list[str],
    bad: list[tuple[str, Told]],
    action: str,
    chosen: Selection,
) -> Why:
    value, (reason, meant) = bad[0]
    whole = len(bad) == len(values) and not field.rpartition("/")[2].startswith("not")
    name = field.rpartition("/")[2]
    effect = (
        ""
        if not whole
        else ": its rule denies nothing"
        if action == "DENY"
        else ": its rule admits nothing"
        if action == "ALLOW"
        else ""
    )
    text = f"({action}) has {value} in {name}, which no request can match ({reason}){effect}"
    return Why(
        Reason.NEVER,
        text,
        f"Write {meant} in {place}/{field}.",
        f"{place}/{field}",
        tuple(ref(pod) for pod in (*chosen.envoys, *chosen.ambient)[:20]),
        (Proof(item.at(f"{place}/{field}"), ", ".join(values)),),
        pods=chosen.ids,
        advice=not whole,
    )


def _whole_rule(
    mesh: Mesh, item: KubeObject, place: str, rule: dict[str, Any], action: str, chosen: Selection
) -> Iterator[Why]:
    """What a rule asks for and the workload cannot know: a token's claims, a peer's identity, HTTP on a TCP port."""
    claims = _asks_for_claims(rule)
    if claims and not chosen.bound and not _authenticated(mesh, chosen):
        text = f"({action}) asks for {claims}, and no RequestAuthentication is for {_pods(chosen)}: no request has them"
        todo = "Add a RequestAuthentication with the issuer of the tokens, for the same workloads."
        yield _rule_why(item, place, text, todo, chosen, action)
    identity = _asks_for_identity(rule)
    off = [pod for pod in chosen.envoys if identity and _demands(mesh).of(pod).mode == "DISABLE"]
    if off and len(off) == len(chosen.envoys) and not chosen.ambient:
        policy = _demands(mesh).of(off[0]).policy
        text = (
            f"({action}) asks for {identity}, and mTLS is off for {_pods(chosen)} ({policy}): no client has an identity"
        )
        yield _rule_why(item, place, text, f"Take mode DISABLE out of {policy}.", chosen, action)


def _rule_why(item: KubeObject, place: str, text: str, todo: str, chosen: Selection, action: str) -> Why:
    objects = tuple(ref(pod) for pod in (*chosen.envoys, *chosen.ambient)[:20])
    return Why(Reason.NEVER, text, todo, place, objects, (Proof(item.at(place), f"action {action}"),), pods=chosen.ids)


def _pods(chosen: Selection) -> str:
    return chosen.ids[0] if len(chosen.ids) == 1 else f"its {len(chosen.ids)} workloads"


def _asks_for_claims(rule: dict[str, Any]) -> str:
    for entry in dicts(rule.get("from")):
        if texts_of(as_dict(entry.get("source")).get("requestPrincipals")):
            return "requestPrincipals"
    return next(
        (
            k
            for e in dicts(rule.get("when"))
            if (k := as_text(e.get("key"))).startswith("request.auth.") and e.get("values")
        ),
        "",
    )


def _asks_for_identity(rule: dict[str, Any]) -> str:
    for entry in dicts(rule.get("from")):
        source = as_dict(entry.get("source"))
        for field in ("principals", "namespaces", "serviceAccounts"):
            if texts_of(source.get(field)):
                return field
    return ""


def _authenticated(mesh: Mesh, chosen: Selection) -> bool:
    """Whether some RequestAuthentication is for one of the workloads (it may come from the root namespace)."""
    return any(set(selection(mesh, one).ids) & set(chosen.ids) for one in mesh.kube.list(res.REQUEST_AUTHENTICATION))


@once
def _demands(mesh: Mesh) -> Demands:
    return Demands(mesh)


def peer_authentication(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one PeerAuthentication; it leaves no name in a dump."""
    chosen = selection(mesh, item)
    effect = Effect(item, should=chosen.ids, visible=False)
    if not chosen.ids:
        effect.why = (_nobody(item, chosen, "IST0127"),)
        return effect
    wanted = workload_selector(item.spec)
    effect.why = (*_second(mesh, item, wanted, chosen), *_port_levels(mesh, item, wanted, chosen))
    return effect


def _second(mesh: Mesh, item: KubeObject, wanted: dict[str, str] | None, chosen: Selection) -> Iterator[Why]:
    """An older one of the same level: of several the oldest counts. One with selector in the root "
    "namespace never does."""
    if wanted and item.namespace == world(mesh).root and not chosen.envoys:
        return
    same = [
        one
        for one in mesh.kube.list(res.PEER_AUTHENTICATION)
        if one is not item and one.namespace == item.namespace and age(one) < age(item)
        and (workload_selector(one.spec) or None) == (wanted or None)
    ]  # fmt: skip
    if not same:
        return
    first = min(same, key=age)
    text = (
        f"is for the same workloads as the older {first} (mode {_mode(first)}), which counts alone; this one "
        f"says {_mode(item)}"
    )
    yield Why(
        Reason.OVERRULED,
        text,
        f"Keep one of the two: {first.name} of {as_text(first.metadata.get('creationTimestamp'))}, or this one.",
        "",
        (ref(first), *(ref(pod) for pod in chosen.envoys[:20])),
        (Proof(first.at("/spec"), f"mode {_mode(first)}"), Proof(item.at("/spec"), f"mode {_mode(item)}")),
        pods=chosen.ids,
        advice=_mode(first) == _mode(item),
    )


def _mode(item: KubeObject) -> str:
    return as_text(as_dict(item.spec.get("mtls")).get("mode")) or "UNSET"


def _port_levels(mesh: Mesh, item: KubeObject, wanted: dict[str, str] | None, chosen: Selection) -> Iterator[Why]:
    for port, setting in as_dict(item.spec.get("portLevelMtls")).items():
        place = f"/spec/portLevelMtls/{port}"
        mode = as_text(as_dict(setting).get("mode"))
        told = service_port(mesh, (*chosen.envoys, *chosen.ambient), int(port)) if str(port).isdigit() else None
        if not wanted:
            text = f"sets port {port} to {mode} without a selector, and port levels count for selected workloads only"
            todo = "Add a selector."
        elif told:
            text = f"sets port {port} to {mode}, which no connection meets: {told[0]}"
            todo = f"Write {told[1]} in place of {port} in {place.rpartition('/')[0]}."
        else:
            continue
        pods = (*chosen.envoys, *chosen.ambient)
        services = {ref(one): None for pod in pods[:20] for one in index(mesh).services_of(pod)}
        ports = (int(told[1]),) if told and told[1].isdigit() else ()
        yield Why(
            Reason.NEVER,
            text,
            todo,
            place,
            (*services, *(ref(pod) for pod in pods[:20])),
            (Proof(item.at(place), mode),),
            pods=chosen.ids,
            ports=ports,
        )


def request_authentication(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one RequestAuthentication: the issuers that its workloads know."""
    chosen = selection(mesh, item)
    effect = Effect(item, should=tuple(pod_id(pod) for pod in chosen.envoys))
    if not chosen.ids:
        effect.why = no_waypoint(mesh, item) or (_nobody(item, chosen, "IST0127"),)
        return effect
    issuers = [as_text(rule.get("issuer")) for rule in dicts(item.spec.get("jwtRules"))]
    found: dict[str, str] = {}
    for issuer in issuers:
        seen = traces(mesh).of("issuer", "", issuer)
        found |= {one: f"JWT provider of {issuer} in {what}" for one, what in seen.items() if one in effect.should}
    effect.acts = tuple(Trace(*one) for one in found.items())
    unread = [one for one in effect.should if one not in traces(mesh).readable]
    effect.blind = (f"{len(unread)} of {len(effect.should)} proxies without a config dump",) if unread else ()
    if chosen.ambient:
        part = "/spec/selector" if chosen.envoys else ""
        pods = tuple(map(pod_id, chosen.ambient))
        text = f"selects {len(pods)} pods of ambient, whose ztunnel judges no token"
        todo = (
            "Bind it to the waypoint: targetRefs with the Service or the waypoint's Gateway in place of the selector."
        )
        proofs = (Proof(item.at("/spec/selector"), str(item)),)
        objects = tuple(ref(pod) for pod in chosen.ambient[:20])
        effect.why = (Why(Reason.BYPASSED, text, todo, part, objects, proofs, pods=pods),)
    return effect
