"""ServiceEntry, WorkloadEntry, Sidecar: what the registry knows, and who sees it.

Sources: pilot/pkg/serviceregistry/serviceentry, pilot/pkg/model/sidecar.go (of several services with one host a
client takes one; ports and endpoints of the others are lost), pilot/pkg/model/push_context.go (`getSidecarScope`:
the oldest Sidecar that selects the pod, then the oldest without selector of the namespace, then of the root namespace).
"""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.effect.demand import demand, port_of, shown
from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.scope import age, clients, export_to, lets_import, visible
from bugbundle.effect.tables import tables
from bugbundle.effect.traces import traces
from bugbundle.effect.world import world
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.config.visibility import sidecar_of
from bugbundle.mesh.kube import as_text, dicts, texts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.selectors import contains, selector_text, workload_selector
from bugbundle.mesh.workloads.index import alive, captured, index, pod_id

SE_EXPORT = "defaultServiceExportTo"
DIFFERING = ("resolution", "location")


def service_entry(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one ServiceEntry."""
    hosts = texts_of(item.spec.get("hosts"))
    scopes = export_to(mesh, item, SE_EXPORT)
    should: dict[str, None] = {}
    blindfolded: dict[str, str] = {}
    for group in clients(mesh):
        if not visible(scopes, item.namespace, group.namespace):
            blindfolded |= dict.fromkeys(group.ids, f"it is exported to {', '.join(scopes)} only")
        elif not lets_import(group.sidecar, item.namespace, hosts):
            blindfolded |= dict.fromkeys(group.ids, f"{group.sidecar} does not let it in")
        else:
            should |= dict.fromkeys(group.ids)
    found: dict[str, str] = {}
    for host in hosts:
        found |= traces(mesh).of("service", item.namespace, host)
    unread = [one for one in should if one not in traces(mesh).readable]
    why = [
        *_same_host(mesh, item, hosts, bool(found)),
        *_hidden(mesh, item, hosts, blindfolded),
        *_other_ports(mesh, item, hosts),
        *_no_endpoints(mesh, item),
    ]
    blind = (f"{len(unread)} of {len(should)} proxies without a config dump",) if unread else ()
    wild = any(host.startswith("*") for host in hosts)
    return Effect(
        item, tuple(should), tuple(Trace(*one) for one in found.items()), tuple(why), blind, bool(found) or not wild
    )


def _same_host(mesh: Mesh, item: KubeObject, hosts: list[str], acts: bool) -> Iterator[Why]:
    """Another ServiceEntry with a host of this one, which the proxies took in its place."""
    for host in hosts:
        for other in tables(mesh).entries.get(host, ()):
            if other is item or not _differ(item, other) or not _meet(mesh, item, other):
                continue
            here = traces(mesh).of("service", item.namespace, host)
            there = traces(mesh).of("service", other.namespace, host)
            lost = (
                age(other) < age(item)
                if item.namespace == other.namespace or not (here or there)
                else bool(there) and not here
            )
            if not lost:
                continue
            text = (
                f"declares {host} as {other} does, with another definition ({_definition(item)}; the "
                f"other {_definition(other)}), "
                f"and the other one wins{f' in {len(there)} proxies' if there and not here else ''}"
            )
            todo = f"Declare {host} once: take it out of {other} or of this one, and give both the same resolution."
            yield Why(
                Reason.OVERRULED,
                text,
                todo,
                "" if len(hosts) == 1 and not acts else f"/spec/hosts/{hosts.index(host)}",
                (ref(other),),
                (
                    Proof(other.at("/spec"), f"created {_born(other)}: {_definition(other)}"),
                    Proof(item.at("/spec"), f"created {_born(item)}: {_definition(item)}"),
                ),
                hosts=(host,),
                certain=bool(there),
            )


def _meet(mesh: Mesh, item: KubeObject, other: KubeObject) -> bool:
    """Whether some client sees both."""
    mine, theirs = export_to(mesh, item, SE_EXPORT), export_to(mesh, other, SE_EXPORT)
    return any(
        visible(mine, item.namespace, group.namespace) and visible(theirs, other.namespace, group.namespace)
        for group in clients(mesh)
    )


def _differ(one: KubeObject, other: KubeObject) -> bool:
    return any(_resolution(one) != _resolution(other) or one.spec.get(f) != other.spec.get(f) for f in DIFFERING)


def _resolution(item: KubeObject) -> str:
    return as_text(item.spec.get("resolution")) or "NONE"


def _definition(item: KubeObject) -> str:
    return f"resolution {_resolution(item)}, location {as_text(item.spec.get('location')) or 'MESH_EXTERNAL'}"


def _born(item: KubeObject) -> str:
    return as_text(item.metadata.get("creationTimestamp")) or "at an unknown time"


def _hidden(mesh: Mesh, item: KubeObject, hosts: list[str], blindfolded: dict[str, str]) -> Iterator[Why]:
    """Failed requests of clients that do not see it."""
    for host in hosts:
        lost = [fault for fault in demand(mesh).calls(host) if fault.proxy.id in blindfolded]
        if lost and not traces(mesh).of("service", item.namespace, host).get(lost[-1].proxy.id):
            client = lost[-1].proxy
            text = f"declares {host}, which {client.id} asks for and does not see: {blindfolded[client.id]}"
            todo = (
                f"Let namespace {client.namespace} see it: exportTo of the ServiceEntry, or egress.hosts of the "
                "Sidecar."
            )
            sidecar = sidecar_of(mesh, client.pod) if client.pod else None
            objects = (ref(client), *((ref(sidecar),) if sidecar else ()))
            proofs = (Proof(item.at("/spec"), f"hosts: {host}"),)
            yield Why(
                Reason.HIDDEN, text, todo, "/spec/exportTo", objects, proofs, (host,), (client.id,), seen=shown(lost)
            )


def _other_ports(mesh: Mesh, item: KubeObject, hosts: list[str]) -> Iterator[Why]:
    """Failed requests for its host on a port that it does not declare."""
    declared = {port.get("number") for port in dicts(item.spec.get("ports"))}
    for host in hosts:
        known = declared | {
            p.get("number") for other in tables(mesh).entries.get(host, ()) for p in dicts(other.spec.get("ports"))
        }
        lost = [f for f in demand(mesh).calls(host) if port_of(f) and port_of(f) not in known and not f.inbound]
        lost = [f for f in lost if f.proxy.kind == "sidecar" and (f.blocked or not f.cluster.startswith("outbound|"))]
        if lost and declared:
            port = port_of(lost[-1])
            text = f"declares {host} on port {_list(declared)}, and {lost[-1].proxy.id} asks for it on {port}"
            todo = f"Add port {port} to spec.ports, or let the callers use {_list(declared)}."
            proofs = (Proof(item.at("/spec/ports"), _list(declared)),)
            objects = (ref(lost[-1].proxy),)
            yield Why(
                Reason.NO_MEETING, text, todo, "/spec/ports", objects, proofs, (host,), ports=(port,), seen=shown(lost)
            )


def _list(numbers: set[object]) -> str:
    return ", ".join(sorted(map(str, numbers)))


def _no_endpoints(mesh: Mesh, item: KubeObject) -> Iterator[Why]:
    """A workloadSelector that fits neither a pod nor a WorkloadEntry of its namespace."""
    wanted = workload_selector(item.spec, "workloadSelector")
    if not wanted or index(mesh).select(wanted, item.namespace):
        return
    near = mesh.kube.list(res.WORKLOAD_ENTRY)
    if any(one.namespace == item.namespace and contains(entry_labels(one), wanted) for one in near):
        return
    elsewhere = next((one for one in near if contains(entry_labels(one), wanted)), None)
    text = f"selects {selector_text(wanted)}, which no pod and no WorkloadEntry of namespace {item.namespace} has"
    text += f" ({elsewhere} has, in another namespace)" if elsewhere else ""
    place = "/spec/workloadSelector"
    objects = (ref(elsewhere),) if elsewhere else ()
    todo = f"Label the WorkloadEntries or pods of namespace {item.namespace} with {selector_text(wanted)}."
    proofs = (Proof(item.at(place), selector_text(wanted)),)
    yield Why(Reason.NO_TARGET, text, todo, place, objects, proofs, tuple(texts_of(item.spec.get("hosts"))))


def entry_labels(entry: KubeObject) -> dict[str, str]:
    """The labels that a WorkloadEntry is selected by: `spec.labels`, and its own metadata's."""
    return {**entry.labels, **texts(entry.spec.get("labels"))}


def workload_entry(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one WorkloadEntry: the ServiceEntries and Services of its namespace that select it."""
    labels = entry_labels(item)
    chosen: list[KubeObject] = []
    for entry in mesh.kube.list(res.SERVICE_ENTRY):
        wanted = workload_selector(entry.spec, "workloadSelector")
        if entry.namespace == item.namespace and wanted and contains(labels, wanted):
            chosen.append(entry)
    for service in index(mesh).services_in.get(item.namespace, []):
        wanted = texts(service.spec.get("selector"))
        if wanted and contains(labels, wanted):
            chosen.append(service)
    effect = Effect(item, tuple(map(str, chosen)), tuple(Trace(str(one), "selects it") for one in chosen))
    if not chosen:
        text = (
            f"has labels {selector_text(labels) or '(none)'}, which no ServiceEntry or Service of namespace "
            f"{item.namespace} selects"
        )
        todo = "Add the labels of a workloadSelector to spec.labels, or a ServiceEntry that selects it."
        effect.why = (Why(Reason.NO_TARGET, text, todo, "", (), (Proof(item.at("/spec"), str(item)),)),)
    return effect


def sidecar(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one Sidecar: the sidecars that it, and no other one, sets the scope of."""
    wanted = workload_selector(item.spec, "workloadSelector") or {}
    space = "" if item.namespace == world(mesh).root and not wanted else item.namespace
    pods = [pod for pod in index(mesh).select(wanted, space) if alive(pod)]
    members = {proxy.id: group.sidecar for group in clients(mesh) for proxy in group.proxies}
    mine = [pod_id(pod) for pod in pods if pod_id(pod) in members]
    acts = tuple(Trace(one, "its scope") for one in mine if members[one] is item)
    effect = Effect(item, tuple(mine), acts)
    if not mine:
        ambient = any(captured(pod) for pod in pods)
        text = (
            "selects pods of ambient only, and ztunnel knows no Sidecar" if ambient else "selects no pod with a sidecar"
        )
        told = "" if ambient else "IST0127"
        effect.why = (
            Why(Reason.BYPASSED if ambient else Reason.NO_TARGET, text, "Remove it.", told=told, advice=True),
        )
    elif not acts:
        winner = next((one for one in map(members.get, mine) if one), None)
        text = f"gives way to {winner}" if winner else "is set for nobody"
        objects = (ref(winner),) if winner else ()
        todo = "Keep one Sidecar for these pods."
        told = "IST0111" if not wanted else "IST0110"
        effect.why = (
            Why(
                Reason.OVERRULED,
                text,
                todo,
                "",
                objects,
                told=told,
                advice=bool(winner and winner.namespace == item.namespace and not wanted),
            ),
        )
    return effect
