"""Envoy's access log: failed requests, by what they were sent to.

Read with the mesh's own format (`accessLogFormat`, `accessLogEncoding` of MeshConfig), else with Istio's default
(pilot/pkg/model/telemetry_logging.go). Times are weighed against the capture's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.signals.logs import time_of
from bugbundle.words import clip

DEFAULT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% '
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "
    '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% '
    '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" '
    '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)

WANTED = {
    "START_TIME": "start",
    "RESPONSE_CODE": "code",
    "RESPONSE_FLAGS": "flags",
    "RESPONSE_CODE_DETAILS": "details",
    "UPSTREAM_TRANSPORT_FAILURE_REASON": "reason",
    "REQ(:AUTHORITY)": "authority",
    "UPSTREAM_HOST": "host",
    "UPSTREAM_CLUSTER": "cluster",
    "UPSTREAM_CLUSTER_RAW": "cluster",
    "DOWNSTREAM_LOCAL_ADDRESS": "local",
    "DOWNSTREAM_REMOTE_ADDRESS": "remote",
    "REQUESTED_SERVER_NAME": "sni",
    "ROUTE_NAME": "route",
}
"""What is read of a line: Envoy's operators, and the names in the JSON format by default."""

JSON_NAMES = {
    "start_time": "start",
    "response_code": "code",
    "response_flags": "flags",
    "response_code_details": "details",
    "upstream_transport_failure_reason": "reason",
    "authority": "authority",
    "upstream_host": "host",
    "upstream_cluster": "cluster",
    "downstream_local_address": "local",
    "downstream_remote_address": "remote",
    "requested_server_name": "sni",
    "route_name": "route",
}

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

_OPERATOR = re.compile(r"%([A-Z_]+(?:\([^)]*\))?)(?::\d+)?%")


@dataclass(slots=True, eq=False)
class Fault:
    """Requests of one proxy that failed alike: `flags` of Envoy, HTTP `code`, and what they were sent to.

    `recent` if the last of them was near the capture and no later request to the same place succeeded; `total` counts
    all requests of that log to the same place. `policy` is what RBAC names (`none`: no ALLOW policy fits); `blocked`:
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


_FAULTS: WeakKeyDictionary[Mesh, list[Fault]] = WeakKeyDictionary()


def faults(mesh: Mesh) -> list[Fault]:
    """Every kind of failure of every proxy; each log is read once."""
    found = _FAULTS.get(mesh)
    if found is None:
        pattern = compile_format(as_text(mesh_config(mesh).get("accessLogFormat")) or DEFAULT)
        found = [fault for proxy in mesh.proxies for fault in _of_proxy(proxy, pattern)]
        _FAULTS[mesh] = found
    return found


def compile_format(text: str) -> re.Pattern[bytes]:
    """A format string of Envoy as a pattern with the groups of `WANTED`."""
    parts: list[str] = []
    seen: set[str] = set()
    place = 0
    text = text.rstrip("\n")
    for match in _OPERATOR.finditer(text):
        parts.append(re.escape(text[place : match.start()]))
        name = WANTED.get(match[1], "")
        after = text[match.end() : match.end() + 1]
        anything = r"[^\"]*" if after == '"' else r"[^\]]*" if after == "]" else r"\S*" if after in (" ", "") else ".*?"
        parts.append(f"(?P<{name}>{anything})" if name and name not in seen else f"(?:{anything})")
        seen.add(name)
        place = match.end()
    parts.append(re.escape(text[place:]))
    return re.compile("".join(parts).encode())


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
    number = data.count(b"\n", 0, start)
    for line in data[start:].split(b"\n"):
        number += 1
        if not (line[:1] in (b"[", b"{") and len(line) < LONGEST):
            continue
        values = _json(line) if line[:1] == b"{" else _text(line, pattern)
        if values is None:
            continue
        at = time_of(values.get("start", "").encode())
        place = places.setdefault(_place(values), Place())
        place.total += 1
        if _failed(values):
            fault = _fault(found, proxy, values)
            fault.count += 1
            fault.at, fault.pointer = at, Pointer(path, f"line {number}")
            fault.text = clip(line[:400].decode("utf-8", "replace"))
            place.faults.append(fault)
        else:
            place.good = at or place.good
    for place in places.values():
        for fault in dict.fromkeys(place.faults):
            fault.total = place.total
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


def _text(line: bytes, pattern: re.Pattern[bytes]) -> dict[str, str] | None:
    match = pattern.match(line)
    if not match:
        return None
    return {name: (value or b"").decode("utf-8", "replace") for name, value in match.groupdict().items()}


def _json(line: bytes) -> dict[str, str] | None:
    try:
        row = as_dict(decode(line))
    except BugbundleError:
        return None
    if "response_flags" not in row and "response_code" not in row:
        return None
    return {name: "" if row.get(key) is None else str(row[key]) for key, name in JSON_NAMES.items()}


def _failed(values: dict[str, str]) -> bool:
    """A response flag, a refusal by RBAC, or a host that is blocked. A code alone is the application's answer."""
    refused = values.get("details", "").startswith(REFUSALS)
    return values.get("flags", "") not in ("", "-") or refused or _blocked(values)


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
    known.policy = details.partition("[")[2].rstrip("]") if known.details.startswith("rbac_") else ""
    known.sni = values.get("sni", "").strip("-")
    known.remote = values.get("remote", "").strip("-")
    known.blocked = _blocked(values)
    known.reason = values.get("reason", "").strip("-")
    known.upstream_host = values.get("host", "").strip("-")
    return known
