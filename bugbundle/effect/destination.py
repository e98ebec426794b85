"""DestinationRule: who looks it up, which of its parts are used.

Sources: pilot/pkg/model/push_context.go `destinationRule` (the client's namespace, then the service's, then the
root's), pilot/pkg/model/destination_rule.go `mergeDestinationRule`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.routing import born, unread
from bugbundle.effect.scope import age, clients, export_to, lets_import, visible
from bugbundle.effect.tables import tables
from bugbundle.effect.traces import traces
from bugbundle.effect.world import world
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import full_name, host_matches, hosts, service_of
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref

DR_EXPORT = "defaultDestinationRuleExportTo"


def destination_rule(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one DestinationRule."""
    host = full_name(as_text(item.spec.get("host")), item.namespace)
    owner = owner_of(mesh, host, item.namespace)
    scopes = export_to(mesh, item, DR_EXPORT)
    found = traces(mesh).of("DestinationRule", item.namespace, item.name)
    acts = tuple(Trace(*one) for one in found.items())
    should: dict[str, None] = {}
    outside: list[str] = []
    for group in clients(mesh):
        if not lets_import(group.sidecar, owner, [host]):
            continue
        if group.namespace == item.namespace or (
            item.namespace in (owner, world(mesh).root) and visible(scopes, item.namespace, group.namespace)
        ):
            should |= dict.fromkeys(group.ids)
        else:
            outside += group.ids
    for proxy in mesh.proxies:
        if proxy.kind == "gateway" and item.namespace in (proxy.namespace, owner, world(mesh).root):
            if proxy.namespace == item.namespace or visible(scopes, item.namespace, proxy.namespace):
                should[proxy.id] = None
            else:
                outside.append(proxy.id)
        elif proxy.kind == "gateway":
            outside.append(proxy.id)
    why = list(_rule_reasons(mesh, item, host, owner, scopes, tuple(outside), bool(acts)))
    visible_here = not host.startswith("*") and bool(owner)
    return Effect(item, tuple(should), acts, tuple(why), unread(mesh, should), visible_here or bool(acts))


def owner_of(mesh: Mesh, host: str, namespace: str) -> str:
    """The namespace of the Service or ServiceEntry behind a host; of a wildcard over one namespace that one."""
    service = service_of(host, namespace)
    if service:
        return service[0] if mesh.kube.get(res.SERVICE, *service) or host.startswith("*") else ""
    if host.startswith("*.") and host.endswith(".svc.cluster.local"):
        return host.removeprefix("*.").partition(".")[0]
    target = hosts(mesh).find(host, namespace)
    return target.source.namespace if target else ""


def _rule_reasons(
    mesh: Mesh, item: KubeObject, host: str, owner: str, scopes: list[str], outside: tuple[str, ...], acts: bool
) -> Iterator[Why]:
    root = world(mesh).root
    here = any(group.namespace == item.namespace for group in clients(mesh))
    wanted = _wanted(mesh, item, host)
    if owner and item.namespace not in (owner, root) and outside and not acts and (wanted or not here):
        text = (
            f"lies in namespace {item.namespace}: clients look for rules of {host} in their own "
            f"namespace, then in {owner} "
            f"(the service's), then in {root}, and "
            f"{'none of them is there' if not here else 'the callers are elsewhere'}"
        )
        todo = f"Move it to namespace {owner} (exportTo does not change where clients look)."
        yield Why(
            Reason.HIDDEN,
            text,
            todo,
            "",
            _service(host, item.namespace) + tuple(map(ref, wanted)),
            (
                Proof(item.at("/metadata/namespace"), item.namespace),
                *(Proof(one.at("/spec"), f"{one} uses its subsets") for one in wanted[:2]),
            ),
            hosts=(host,),
            pods=outside[:50],
        )
    elif owner == item.namespace and outside and scopes and not acts and "*" not in scopes:
        text = f"is exported to {', '.join(scopes)}, and the callers of {host} are in other namespaces"
        yield Why(
            Reason.HIDDEN,
            text,
            "Add the namespaces of the callers (or *) to exportTo.",
            "",
            _service(host, item.namespace),
            (Proof(item.at("/spec/exportTo"), ", ".join(scopes)),),
            hosts=(host,),
            pods=outside[:50],
            advice=not wanted,
        )
    yield from _ports_unknown(mesh, item, host)
    yield from _unused_subsets(mesh, item, host)
    if not acts:
        yield from _merged_away(mesh, item, host)


def _wanted(mesh: Mesh, item: KubeObject, host: str) -> list[KubeObject]:
    """The VirtualServices that send to a subset of this rule."""
    names = {as_text(subset.get("name")) for subset in dicts(item.spec.get("subsets"))}
    found = [one for name in sorted(names) for one in tables(mesh).senders.get((host, name), ())]
    return list({id(one): one for one in found}.values())


def _service(host: str, namespace: str) -> tuple[Ref, ...]:
    found = service_of(host, namespace)
    return (Ref("Service", *found),) if found else ()


def _ports_unknown(mesh: Mesh, item: KubeObject, host: str) -> Iterator[Why]:
    """`portLevelSettings` for a port that the host does not have."""
    service = service_of(host, item.namespace)
    target = mesh.kube.get(res.SERVICE, *service) if service else None
    if target is None:
        return
    known = [port.get("port") for port in dicts(target.spec.get("ports"))]
    policy = as_dict(item.spec.get("trafficPolicy"))
    for number, level in enumerate(dicts(policy.get("portLevelSettings"))):
        port = as_dict(level.get("port")).get("number")
        if isinstance(port, int) and port not in known:
            place = f"/spec/trafficPolicy/portLevelSettings/{number}"
            meant = next((p.get("port") for p in dicts(target.spec.get("ports")) if p.get("targetPort") == port), None)
            hint = f" ({port} is its targetPort)" if meant else ""
            text = f"has settings for port {port}, and {target} has {', '.join(map(str, known))}{hint}"
            todo = f"Write {meant or known[0] if known else 'the port of the Service'} in {place}/port/number."
            yield Why(
                Reason.NEVER, text, todo, place, (ref(target),), (Proof(item.at(place), str(port)),), hosts=(host,)
            )


def _unused_subsets(mesh: Mesh, item: KubeObject, host: str) -> Iterator[Why]:
    """A subset with a policy of its own that no route sends to: the policy of a subset acts on its cluster alone."""
    sent = tables(mesh).senders
    used = {subset for (one, subset) in sent if one == host or (host.startswith("*") and host_matches(host, one))}
    for number, subset in enumerate(dicts(item.spec.get("subsets"))):
        name = as_text(subset.get("name"))
        if as_dict(subset.get("trafficPolicy")) and name not in used:
            place = f"/spec/subsets/{number}/trafficPolicy"
            text = f"has a trafficPolicy for subset {name}, and no VirtualService sends to that subset"
            todo = f"Send to subset {name} from a VirtualService, or move the policy to spec.trafficPolicy."
            yield Why(
                Reason.NO_MEETING,
                text,
                todo,
                place,
                _service(host, item.namespace),
                (Proof(item.at(place), name),),
                advice=True,
            )


def _merged_away(mesh: Mesh, item: KubeObject, host: str) -> Iterator[Why]:
    """A second rule of one host and namespace: of the traffic policies the oldest counts, of equal subsets too."""
    for one in tables(mesh).rules.get((item.namespace, host), ()):
        if one is item or age(one) >= age(item):
            continue
        if as_dict(one.spec.get("workloadSelector")) != as_dict(item.spec.get("workloadSelector")):
            continue
        mine = {as_text(subset.get("name")) for subset in dicts(item.spec.get("subsets"))}
        theirs = {as_text(subset.get("name")) for subset in dicts(one.spec.get("subsets"))}
        if (as_dict(item.spec.get("trafficPolicy")) and as_dict(one.spec.get("trafficPolicy"))) or mine & theirs:
            text = f"is for {host} as the older {one} is, whose traffic policy and subsets win where both have them"
            yield Why(
                Reason.OVERRULED,
                text,
                f"Write both into one DestinationRule ({one.name} was created {born(one)}).",
                "/spec/trafficPolicy" if mine - theirs else "",
                (ref(one), *_service(host, item.namespace)),
                (Proof(one.at("/spec/host"), host),),
                hosts=(host,),
            )
            return
