"""Connections that failed, as ztunnel's access log tells: per source, destination, port and error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bugbundle.mesh import Mesh, Pointer, Ztunnel
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import time_of
from bugbundle.mesh.workloads.owners import workload
from bugbundle.symptoms.model import Kind, State, Symptom
from bugbundle.symptoms.texts import log_lines
from bugbundle.words import clip, some

WITHIN = timedelta(hours=1)
QUIET = timedelta(minutes=1)
NOWHERE = Pointer("")
_FIELD = re.compile(r'([\w.]+)=("(?:[^"\\]|\\.)*"|\S+)')
_NUMBERS = re.compile(r"\d+(?:\.\d+)*(?::\d+)?")
SHUT = ("connection closed due to connection drain", "connection closed due to policy change")
"""Ends of connections that ztunnel brings about on purpose."""


@dataclass(slots=True)
class _Flow:
    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    at: Pointer = NOWHERE
    raw: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    ztunnels: list[Ref] = field(default_factory=list)


def connections(mesh: Mesh) -> Iterator[Symptom]:
    """A symptom per kind of failed connection, over all ztunnels."""
    bad: dict[tuple[str, ...], _Flow] = {}
    good: dict[tuple[str, ...], datetime] = {}
    for ztunnel in mesh.ztunnels:
        _read(ztunnel, bad, good)
    for key, flow in bad.items():
        yield _symptom(mesh, flow, good.get(key[:4]))


def _read(ztunnel: Ztunnel, bad: dict[tuple[str, ...], _Flow], good: dict[tuple[str, ...], datetime]) -> None:
    for number, path, raw in log_lines(ztunnel.mesh, ztunnel.namespace, ztunnel.name, "istio-proxy"):
        if "connection complete" not in raw and "connection failed" not in raw:
            continue
        values = {key: value.strip('"') for key, value in _FIELD.findall(raw)}
        error = values.get("error", "")
        place = (
            _pod(values, "src"),
            values.get("dst.service") or _pod(values, "dst"),
            values.get("dst.hbone_addr", values.get("dst.addr", "")).rpartition(":")[2],
            values.get("direction", ""),
        )
        at = time_of(raw.encode("utf-8", "replace"))
        if not error:
            if at:
                good[place] = max(good.get(place, at), at)
            continue
        flow = bad.setdefault((*place, _NUMBERS.sub("#", error)), _Flow())
        flow.count += 1
        flow.first, flow.last = flow.first or at, at
        flow.at, flow.raw, flow.fields = Pointer(path, f"line {number}"), raw, values
        if ref(ztunnel) not in flow.ztunnels:
            flow.ztunnels.append(ref(ztunnel))


def _pod(values: dict[str, str], side: str) -> str:
    name = values.get(f"{side}.workload", "")
    return f"{values.get(f'{side}.namespace', '')}/{name}" if name else values.get(f"{side}.addr", "").partition(":")[0]


def _symptom(mesh: Mesh, flow: _Flow, good: datetime | None) -> Symptom:
    values = flow.fields
    source, destination = _ref(mesh, values, "src"), _ref(mesh, values, "dst")
    service = _service(values.get("dst.service", ""))
    to = service or destination or Ref("Address", "", values.get("dst.addr", "unknown"))
    port = values.get("dst.hbone_addr", values.get("dst.addr", "")).rpartition(":")[2]
    error = values.get("error", "")
    state, reason = _state(mesh.now, flow, good, error)
    pods = (Ref("Pod", values.get(f"{s}.namespace", ""), values.get(f"{s}.workload", "")) for s in ("src", "dst"))
    return Symptom(
        Kind.CONNECTION,
        source or flow.ztunnels[0],
        f"{some(flow.count, 'connection')} to {to}:{port} failed in ztunnel ({values.get('direction', '')}): "
        f"{clip(error, 200)}",
        flow.count,
        to if to.kind != "Address" else None,
        flow.first,
        flow.last,
        good,
        (Proof(flow.at, clip(flow.raw, 300)),),
        (*(one for one in (destination, service) if one), *(pod for pod in pods if pod.name), *flow.ztunnels),
        state,
        reason,
    )


def _state(now: datetime | None, flow: _Flow, good: datetime | None, error: str) -> tuple[State, str]:
    if error.startswith(SHUT):
        return State.HARMLESS, "ztunnel ended these connections on purpose"
    if good and flow.last and good - flow.last > QUIET:
        return State.PAST, f"succeeds since: the last failure was at {flow.last:%H:%M:%S}, a success at {good:%H:%M:%S}"
    if now and flow.last and now - flow.last > WITHIN:
        return State.PAST, f"the last was at {flow.last:%Y-%m-%d %H:%M}"
    return State.NOW, ""


def _ref(mesh: Mesh, values: dict[str, str], side: str) -> Ref | None:
    name, namespace = values.get(f"{side}.workload", ""), values.get(f"{side}.namespace", "")
    pod = mesh.pods.get((namespace, name))
    return workload(mesh, pod) if pod else Ref("Pod", namespace, name) if name else None


def _service(host: str) -> Ref | None:
    parts = host.split(".")
    return Ref("Service", parts[1], parts[0]) if len(parts) > 2 and parts[2] == "svc" else None
