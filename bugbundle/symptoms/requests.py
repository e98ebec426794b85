"""Requests that failed, as Envoy's access logs tell: per client, destination, port, code, flag and details."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.mesh import Mesh
from bugbundle.mesh.config.gateway_exposure import has_route, named_for
from bugbundle.mesh.once import once
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.access import QUIET, Fault, answers, faults
from bugbundle.mesh.signals.failures import called, port_called
from bugbundle.mesh.signals.flags import flag_of, meaning
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import ClusterName, workload
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.words import clip, some

WITHIN = timedelta(hours=1)
"""How near the capture the last failure must be to speak of now, if nothing succeeded since."""

NOISE = 0.01
"""The share of all requests at an address below which malformed or lost ones are noise."""

SEVERAL = 0.5
"""The share of requests from which on it is no exception."""

MALFORMED = ("http1.codec_error", "low_version", "missing_host_header", "path_normalization_failed")
BARE = re.compile(r"[\d.]+|[\da-fA-F:]+|\[.*\]")
"""An address in place of a host."""

ASIDE = frozenset({"DC", "FI", "DI", "RL"})
"""What is asked for, or the client's own doing."""


def requests(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per kind of failed request."""
    yield from {id(one): one for one in _all(mesh).values()}.values()


def symptom_of(mesh: Mesh, fault: Fault) -> Symptom:
    """The symptom that a kind of failure of one proxy is part of."""
    return _all(mesh)[id(fault)]


@once
def _all(mesh: Mesh) -> dict[int, Symptom]:
    """The identity of each fault (`faults` and `answers` keep them) → its symptom."""
    known: dict[int, Symptom] = {}
    for kind, found in ((Kind.REQUEST, faults(mesh)), (Kind.ANSWER, answers(mesh))):
        groups: dict[tuple[object, ...], list[Fault]] = {}
        for fault in found:
            groups.setdefault(_key(mesh, fault), []).append(fault)
        for group in groups.values():
            symptom = _symptom(mesh, kind, group)
            known.update((id(fault), symptom) for fault in group)
    return known


def client_of(fault: Fault) -> Ref:
    """The workload whose proxy logged it."""
    return workload(fault.proxy.mesh, fault.proxy.pod) if fault.proxy.pod else ref(fault.proxy)


def _key(mesh: Mesh, fault: Fault) -> tuple[object, ...]:
    return (client_of(fault), fault.inbound, target(mesh, fault), fault.code, fault.flags, fault.details)


def target(mesh: Mesh, fault: Fault) -> str:
    """Where it went: `Service ns/name:port`, the host, or the address that was called."""
    parts = ClusterName(fault.cluster)
    if fault.inbound:
        return f"port {parts.port or fault.local.rpartition(':')[2]}"
    service = called(mesh, fault)
    if service is not None:
        return f"Service {service.namespace}/{service.name}:{port_called(fault)}"
    host = parts.host or fault.authority or fault.sni or fault.local
    return f"{host}:{parts.port}" if parts.host else host


def _symptom(mesh: Mesh, kind: Kind, group: list[Fault]) -> Symptom:
    last = max(group, key=lambda one: (one.at.timestamp() if one.at else 0.0, one.count))
    state, reason = _state(mesh, kind, group, last)
    pod = last.proxy.pod
    near = tuple(ref(one) for one in index(mesh).services_of(pod)) if pod and last.inbound else ()
    service = called(mesh, last) if not last.inbound else None
    named = ClusterName(last.cluster).service
    return Symptom(
        kind,
        client_of(last),
        _text(mesh, kind, group, last),
        sum(one.count for one in group),
        ref(service) if service else near[0] if near else named,
        min((one.first for one in group if one.first), default=None),
        last.at,
        max((one.good for one in group if one.good), default=None),
        (Proof(last.pointer, last.text),),
        (*(ref(one.proxy) for one in group[:50]), *near),
        state,
        reason,
        kind is Kind.REQUEST or last.code.startswith("5"),
    )


def _text(mesh: Mesh, kind: Kind, group: list[Fault], last: Fault) -> str:
    count = some(sum(one.count for one in group), "request")
    who = f"to {target(mesh, last)}" + (" arrived and" if last.inbound else "")
    code = last.code if last.code.strip("-0") else ""
    if kind is Kind.ANSWER:
        by = "the proxy itself, by a route" if last.details == "direct_response" else "from behind the proxy"
        return f"{count} {who} answered {code} {by} ({clip(last.whole, 160)})"
    how = f"{flag_of(last)} ({meaning(last)})"
    told = clip(": ".join(part for part in (last.whole, last.reason) if part), 200)
    return f"{count} {who} failed with {how}" + (f", HTTP {code}" if code else "") + (f": {told}" if told else "")


def _state(mesh: Mesh, kind: Kind, group: list[Fault], last: Fault) -> tuple[State, str]:
    now = mesh.now
    good = max((one.good for one in group if one.good), default=None)
    if last.at and good and good - last.at > QUIET:
        return State.PAST, f"succeeds since: the last failure was at {last.at:%H:%M:%S}, a success at {good:%H:%M:%S}"
    if now and last.at and now - last.at > WITHIN:
        return State.PAST, f"the last was at {last.at:%Y-%m-%d %H:%M}"
    return _noise(mesh, kind, group, last)


def _noise(mesh: Mesh, kind: Kind, group: list[Fault], last: Fault) -> tuple[State, str]:
    count = sum(one.count for one in group)
    everything = sum(one.port_total for one in group)
    flag = flag_of(last) if kind is Kind.REQUEST else ""
    if flag in ASIDE:
        return State.HARMLESS, "the client went away" if flag == "DC" else "asked for by configuration"
    share = count / everything if everything else 1.0
    if kind is Kind.ANSWER and count < SEVERAL * sum(one.total for one in group):
        return State.HARMLESS, f"answers of the application: {count} of {sum(one.total for one in group):,} requests"
    if share < NOISE:
        return State.HARMLESS, f"{count} of {everything:,} requests to that address"
    if last.proxy.kind == "gateway" and share < SEVERAL and (flag == "DPE" or last.details.startswith(MALFORMED)):
        return State.HARMLESS, f"malformed, as scanners send: {count} of {everything:,} requests to that address"
    if last.proxy.kind == "gateway" and flag == "NR" and _nobodys(mesh, last, share):
        return State.HARMLESS, "asked for what no Gateway and no route offers, as scanners do"
    return State.NOW, ""


def _nobodys(mesh: Mesh, fault: Fault, share: float) -> bool:
    """Whether a gateway was asked for a bare address, a path without a route, or (now and then) an unknown host."""
    name = fault.authority.partition(":")[0] or fault.sni
    if not name or BARE.fullmatch(name) or has_route(fault.proxy, name):
        return share < SEVERAL
    return share < SEVERAL and not named_for(mesh, name)
