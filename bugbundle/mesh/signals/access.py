"""Envoy's access log: failed requests, by what they were sent to.

Read with the mesh's own format (`accessLogFormat`, `accessLogEncoding` of MeshConfig), else with Istio's default
(pilot/pkg/model/telemetry_logging.go). Times are weighed against the capture's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.signals.access_lines import DEFAULT, compile_format, of_json, of_text
from bugbundle.mesh.signals.logs import time_of
from bugbundle.words import clip

RECENT = timedelta(minutes=5)
"""How near the capture a request must be to speak of now."""

QUIET = timedelta(minutes=1)
"""Success for longer than this after the last failure: the failure is over."""

LONGEST = 8192
"""Bytes of a line; longer ones are not access lines."""

MOST_BYTES = 8 << 20
"""Of each log, from its end: what is older is not looked at."""

REFUSALS = ("rbac_access_denied", "jwt_authn_access_denied")
"""Details of refusals that have no response flag."""

NOWHERE = Pointer("")


@dataclass(slots=True, eq=False)
class Fault:
    """Requests of one proxy that failed alike: `flags` of Envoy, HTTP `code`, and what they were sent to.

    `recent` if the last of them was near the capture and no later request to the same place succeeded; `total` counts
    all requests of that log to the same place, `port_total` all that came in at the same address; `first` and `at` are
    the first and the last of them, `good` is the last request to the same place that succeeded. `whole` is the response
    code detail with what stands in its braces. `policy` is what RBAC names (`none`: no ALLOW policy fits); `blocked`:
    sent nowhere because the mesh does not know the host (REGISTRY_ONLY). The rest is that of the last of them.
    """

    proxy: Proxy
    flags: tuple[str, ...]
    code: str
    cluster: str
    authority: str = ""
    local: str = ""
    details: str = ""
    policy: str = ""
    sni: str = ""
    remote: str = ""
    blocked: bool = False
    reason: str = ""
    upstream_host: str = ""
    recent: bool = True
    count: int = 0
    total: int = 0
    at: datetime | None = None
    pointer: Pointer = NOWHERE
    text: str = ""
    first: datetime | None = None
    good: datetime | None = None
    port_total: int = 0
    whole: str = ""
    answered: bool = False

    @property
    def inbound(self) -> bool:
        """Whether it is the server's side: the application's own proxy.

        Without a cluster it is where the client connected to that tells: to the pod itself, or to another address.
        """
        if self.cluster or self.proxy.kind == "gateway":
            return self.cluster.startswith("inbound|")
        address = self.local.rpartition(":")[0].strip("[]")
        known = addresses(self.proxy)
        return address in known if address and known else not self.authority


def faults(mesh: Mesh) -> list[Fault]:
    """Every kind of failure of every proxy; each log is read once."""
    return _all(mesh)[0]


def answers(mesh: Mesh) -> list[Fault]:
    """Every kind of refusal or failure that came as an answer from further on: 401, 403 and 5xx without a flag."""
    return _all(mesh)[1]


def redirects(mesh: Mesh) -> list[Fault]:
    """Requests that a proxy itself answered with a redirect, by host: `good` is the last other answer for that host."""
    return _all(mesh)[2]


@once
def _all(mesh: Mesh) -> tuple[list[Fault], list[Fault], list[Fault]]:
    pattern = compile_format(as_text(mesh_config(mesh).get("accessLogFormat")) or DEFAULT)
    seen = [fault for proxy in mesh.proxies for fault in _of_proxy(proxy, pattern)]
    turned = [one for one in seen if one.answered and one.code.startswith("3")]
    told = [one for one in seen if one.answered and not one.code.startswith("3")]
    return [one for one in seen if not one.answered], told, turned


def _of_proxy(proxy: Proxy, pattern: re.Pattern[bytes]) -> Iterator[Fault]:
    path = f"logs/{proxy.namespace}/{proxy.name}/istio-proxy.log"
    try:
        data = proxy.mesh.bundle[path]
    except (KeyError, BugbundleError):
        return
    now = proxy.mesh.bundle.at(path) or proxy.mesh.now
    start = max(len(data) - MOST_BYTES, 0)
    found: dict[tuple[object, ...], Fault] = {}
    places: dict[str, Place] = {}
    ports: Counter[str] = Counter()
    hosts: dict[str, datetime | None] = {}
    number = data.count(b"\n", 0, start)
    for line in data[start:].split(b"\n"):
        number += 1
        if not (line[:1] in (b"[", b"{") and len(line) < LONGEST):
            continue
        values = of_json(line) if line[:1] == b"{" else of_text(line, pattern)
        if values is None:
            continue
        at = time_of(values.get("start", "").encode())
        place = places.setdefault(_place(values), Place())
        place.total += 1
        ports[values.get("local", "")] += 1
        answered = _answered(values)
        if answered or _failed(values):
            fault = _fault(found, proxy, values)
            fault.answered = answered
            fault.count += 1
            fault.first = fault.first or at
            fault.at, fault.pointer = at, Pointer(path, f"line {number}")
            fault.text = clip(line[:400].decode("utf-8", "replace"))
            place.faults.append(fault)
        else:
            place.good = at or place.good
            hosts[values.get("authority", "").partition(":")[0]] = at
    for place in places.values():
        for fault in dict.fromkeys(place.faults):
            fault.total, fault.good = place.total, place.good
            fault.port_total = ports[fault.local]
            if fault.answered and fault.code.startswith("3"):
                fault.good = hosts.get(fault.authority.partition(":")[0])
            fault.recent = _recent(fault.at, place.good, now)
            yield fault


@dataclass(slots=True)
class Place:
    """What requests of one log were sent to: how many, when the last succeeded, how they failed."""

    total: int = 0
    good: datetime | None = None
    faults: list[Fault] = field(default_factory=list)


def _recent(last: datetime | None, good: datetime | None, now: datetime | None) -> bool:
    """Whether a failure speaks of now: near the capture, and not followed by success a minute and more later."""
    if last is None or now is None:
        return True
    over = good is not None and good - last > QUIET
    return now - last <= RECENT and not over


def _place(values: dict[str, str]) -> str:
    """The cluster without its subset, else the host, else the address."""
    cluster = values.get("cluster", "").strip("-")
    if not cluster:
        return values.get("authority", "").strip("-") or values.get("local", "")
    head, _, rest = cluster.partition("|")
    port, _, rest = rest.partition("|")
    return f"{head}|{port}|{rest.rpartition('|')[2]}"


def _failed(values: dict[str, str]) -> bool:
    """A response flag, a refusal by RBAC, or a host that is blocked. A code alone is the application's answer."""
    refused = values.get("details", "").startswith(REFUSALS)
    return values.get("flags", "") not in ("", "-") or refused or _blocked(values)


def _answered(values: dict[str, str]) -> bool:
    """Whether something behind this proxy refused or failed, and said so in HTTP; or the proxy itself redirected."""
    code = values.get("code", "")
    details = values.get("details", "")
    if code in ("301", "302", "307", "308") and details.startswith("direct_response"):
        return not _failed(values)
    bad = code in ("401", "403") or (len(code) == 3 and code[0] == "5")
    if details.startswith("direct_response") and code[:1] == "5":
        return not _failed(values)
    return bad and not _failed(values) and details.startswith("via_upstream")


def _blocked(values: dict[str, str]) -> bool:
    """Whether it was for a host that the mesh does not know, in mode REGISTRY_ONLY.

    Istio's route `block_all` answers 502, its cluster BlackHoleCluster takes what is not HTTP.
    """
    by_route = values.get("route") == "block_all" and values.get("details", "").startswith("direct_response")
    return by_route or values.get("cluster") == "BlackHoleCluster"


def addresses(proxy: Proxy) -> frozenset[str]:
    """The addresses of a proxy's pod."""
    status = proxy.pod.status if proxy.pod else {}
    return frozenset(filter(None, [as_text(one.get("ip")) for one in dicts(status.get("podIPs"))])) or frozenset(
        filter(None, [as_text(status.get("podIP"))])
    )


def _fault(found: dict[tuple[object, ...], Fault], proxy: Proxy, values: dict[str, str]) -> Fault:
    """The kind of failure that a line is of."""
    flags = tuple(flag for flag in values.get("flags", "").split(",") if flag not in ("", "-"))
    cluster = values.get("cluster", "").strip("-")
    blocked = values.get("authority") or values.get("sni") if _blocked(values) else ""
    denied = values.get("details", "") if values.get("details", "").startswith("rbac_") else ""
    key = (flags, values.get("code"), cluster or _place(values), blocked, denied)
    known = found.get(key)
    if known is None:
        known = found[key] = Fault(proxy, flags, values.get("code", ""), cluster)
    known.authority = values.get("authority", "").strip("-")
    known.local = values.get("local", "").strip("-")
    details = values.get("details", "")
    known.details = details.partition("{")[0].partition("[")[0].strip("-")
    known.whole = details.strip("-")
    known.policy = details.partition("[")[2].rstrip("]") if known.details.startswith("rbac_") else ""
    known.sni = values.get("sni", "").strip("-")
    known.remote = values.get("remote", "").strip("-")
    known.blocked = _blocked(values)
    known.reason = values.get("reason", "").strip("-")
    known.upstream_host = values.get("host", "").strip("-")
    return known
