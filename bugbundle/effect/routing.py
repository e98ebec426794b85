"""VirtualService and DestinationRule: who sees them, whose they beat, what of them is used.

Sources: pilot/pkg/model/push_context.go (`initVirtualServices`: index by gateway and by visibility;
`destinationRule`: the client's namespace, then the service's, then the root's), pilot/pkg/model/sidecar.go
(`selectVirtualServices`: for sidecars the oldest VirtualService of a host wins), pilot/pkg/model/destination_rule.go
(`mergeDestinationRule`).
"""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.route_values import matches
from bugbundle.effect.scope import age, clients, export_to, gateway_pods, lets_import, visible
from bugbundle.effect.tables import tables
from bugbundle.effect.traces import traces
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import full_name, host_matches, texts_of
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import pod_id

VS_EXPORT = "defaultVirtualServiceExportTo"


def names_of(item: KubeObject) -> list[str]:
    """The full hosts of a VirtualService."""
    return [full_name(host, item.namespace) for host in texts_of(item.spec.get("hosts"))]


def virtual_service(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one VirtualService: at the sidecars (`mesh`), at the gateways that it names, or as a delegate."""
    gateways = texts_of(item.spec.get("gateways")) or ["mesh"]
    names = names_of(item)
    if not names:
        return _delegate(mesh, item)
    scopes = export_to(mesh, item, VS_EXPORT)
    should: dict[str, None] = {}
    why: list[Why] = []
    for number, gateway in enumerate(gateways):
        if gateway == "mesh":
            should |= dict.fromkeys(_sidecars(mesh, item, names, scopes))
            why += _beaten(mesh, item, names)
        else:
            pods, reasons = _at_gateway(mesh, item, gateway, f"/spec/gateways/{number}", scopes)
            should |= dict.fromkeys(pods)
            why += reasons
    why += matches(item, tuple(names))
    found = traces(mesh).of("VirtualService", item.namespace, item.name)
    acts = tuple(Trace(*one) for one in found.items())
    return Effect(item, tuple(should), acts, tuple(why), unread(mesh, should))


def unread(mesh: Mesh, ids: dict[str, None]) -> tuple[str, ...]:
    """That some of these proxies have no config dump to look into; empty where all have."""
    known = traces(mesh).readable
    lost = [one for one in ids if one not in known]
    return (f"{len(lost)} of {len(ids)} proxies without a config dump",) if lost else ()


def _sidecars(mesh: Mesh, item: KubeObject, names: list[str], scopes: list[str]) -> Iterator[str]:
    for group in clients(mesh):
        if visible(scopes, item.namespace, group.namespace) and lets_import(group.sidecar, item.namespace, names):
            yield from group.ids


def _at_gateway(
    mesh: Mesh, item: KubeObject, gateway: str, place: str, scopes: list[str]
) -> tuple[list[str], list[Why]]:
    """(ids of the gateway's pods where it acts, why it does not)."""
    space, _, name = gateway.rpartition("/")
    found = mesh.kube.get(res.GATEWAY, space or item.namespace, name)
    if found is None:
        return [], []
    pods = gateway_pods(mesh, found)
    seen = [pod for pod in pods if visible(scopes, item.namespace, pod.namespace)]
    if pods and not seen:
        text = f"is exported to {', '.join(scopes)}, and its {found} runs in namespace {pods[0].namespace}"
        todo = f"Add {pods[0].namespace} (or *) to exportTo."
        return [], [
            Why(
                Reason.HIDDEN,
                text,
                todo,
                place,
                (ref(found), ref(pods[0])),
                (Proof(item.at("/spec/exportTo"), f"exportTo: {', '.join(scopes)}"),),
                hosts=tuple(names_of(item)),
                pods=tuple(map(pod_id, pods)),
            )
        ]
    problem = _unmet(item, found, place)
    return ([] if problem else [pod_id(pod) for pod in seen]), problem


def _unmet(item: KubeObject, gateway: KubeObject, place: str) -> list[Why]:
    """Where no host of a VirtualService is served by its Gateway."""
    every = [text for server in dicts(gateway.spec.get("servers")) for text in texts_of(server.get("hosts"))]
    served = list(dict.fromkeys(every))
    names = names_of(item)
    meant = [text for text in served if any(host_matches(text.rpartition("/")[2], one) for one in names)]
    if not served or any(_admits(text, gateway, item) for text in meant):
        return []
    shown = (Proof(gateway.at("/spec/servers"), f"hosts: {', '.join(served)}"),)
    if meant:
        spaces = sorted({text.rpartition("/")[0] for text in meant})
        text = (
            f"is in namespace {item.namespace}, and its {gateway} takes {meant[0].rpartition('/')[2]} from namespace "
            f"{', '.join(spaces)} only (hosts: {', '.join(meant)})"
        )
        todo = f"Write {item.namespace}/{meant[0].rpartition('/')[2]} (or */…) in the hosts of {gateway}."
        return [Why(Reason.NEVER, text, todo, place, (ref(gateway),), shown, hosts=tuple(names))]
    text = f"is for {', '.join(names)}, and its {gateway} serves {', '.join(served)}"
    todo = f"Add {names[0]} to the hosts of {gateway}, or correct the hosts of the VirtualService."
    return [Why(Reason.NO_MEETING, text, todo, place, (ref(gateway),), shown, hosts=tuple(names), told="IST0132")]


def _admits(text: str, gateway: KubeObject, item: KubeObject) -> bool:
    """Whether `NAMESPACE/HOST` of a Gateway lets in a VirtualService of this namespace."""
    space, slash, _ = text.rpartition("/")
    return not slash or space in ("*", item.namespace) or (space == "." and gateway.namespace == item.namespace)


def _beaten(mesh: Mesh, item: KubeObject, names: list[str]) -> list[Why]:
    """Where an older VirtualService has every host of this one at the sidecars."""
    near = {id(one): one for name in names for one in tables(mesh).at_sidecars.get(name, ())}
    older = [
        one
        for one in near.values()
        if one is not item
        and age(one) < age(item)
        and visible(export_to(mesh, one, VS_EXPORT), one.namespace, item.namespace)
    ]
    covered = {name for one in older for name in names_of(one)}
    if not older or not set(names) <= covered or traces(mesh).of("VirtualService", item.namespace, item.name):
        return []
    first = min(older, key=age)
    text = (
        f"has the hosts of the older {first} ({', '.join(sorted(set(names) & set(names_of(first))))}), which "
        "wins at sidecars"
    )
    todo = (
        f"Write the routes of both into one VirtualService; {first} was created {born(first)}, this one {born(item)}."
    )
    return [
        Why(
            Reason.OVERRULED,
            text,
            todo,
            "",
            (ref(first),),
            (
                Proof(first.at("/metadata/creationTimestamp"), born(first)),
                Proof(item.at("/spec/hosts"), ", ".join(names)),
            ),
            hosts=tuple(names),
            certain=bool(traces(mesh).readable),
        )
    ]


def born(item: KubeObject) -> str:
    """When an object was created, as it says itself."""
    return as_text(item.metadata.get("creationTimestamp")) or "at an unknown time"


def _delegate(mesh: Mesh, item: KubeObject) -> Effect:
    """A VirtualService without hosts acts where another one delegates to it."""
    roots = tables(mesh).delegates.get((item.namespace, item.name), [])
    if roots:
        return Effect(item, tuple(str(one) for one in roots), tuple(Trace(str(one), "its delegate") for one in roots))
    why = Why(
        Reason.NO_TARGET,
        "has no hosts, and no VirtualService delegates to it",
        "Name it in a root's delegate.",
        advice=True,
    )
    return Effect(item, why=(why,))
