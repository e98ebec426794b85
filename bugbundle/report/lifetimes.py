"""Certificates on a time line around the capture: of proxies, ztunnels, Secrets and the roots they trust.

The line is logarithmic on both sides of «now», so that an hour and ten years are both seen.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.certificates import read_pem
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.report.words import day, span

MAX_ROWS = 60
FEW = 6
"""Rows of valid workloads that are shown at once; more are folded away."""

SOON = 30 * 86400.0
"""Seconds: a root or a Secret's certificate that ends sooner is marked."""

LATE_SHARE = 0.25
"""istio-agent renews at half of a certificate's life; less than this share left means that renewal fails."""

_LEAST, _MOST = 600.0, 20 * 365 * 86400.0
_NOW = 36.0
"""Where «now» stands, percent of the line; the future has the more room."""

TICKS = (
    (-365 * 86400, "−1 y"),
    (-86400, "−1 d"),
    (86400, "+1 d"),
    (30 * 86400, "+30 d"),
    (365 * 86400, "+1 y"),
    (10 * 365 * 86400, "+10 y"),
)


@dataclass(frozen=True, slots=True)
class Seen:
    """One certificate in one place. `role`: root (trusted there), workload or Secret; `now` when it was seen."""

    role: str
    name: str
    serial: str
    since: datetime
    until: datetime
    holder: str
    now: datetime

    @property
    def identity(self) -> bool:
        """Whether it is a workload's identity, which istio-agent renews by itself."""
        return self.role == "workload" and self.name.startswith("spiffe://")


@dataclass(frozen=True, slots=True)
class Lifetime:
    """A row: one certificate, or those of one identity. `left` and `width` are percent of the line."""

    role: str
    name: str
    holders: tuple[str, ...]
    serials: tuple[str, ...]
    since: str
    until: str
    state: str
    words: str
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """`rows`: trouble first, then roots, Secrets, workloads; `alike`: workloads beyond the first few, all valid.

    `cut` counts what is not shown, `roots` the different roots that proxies and ztunnels trust, `bad` the rows that
    need attention.
    """

    rows: tuple[Lifetime, ...]
    alike: tuple[Lifetime, ...]
    cut: int
    roots: int
    bad: int
    ticks: tuple[tuple[float, str], ...]
    now: float = _NOW

    @property
    def number(self) -> int:
        """All rows."""
        return len(self.rows) + len(self.alike) + self.cut


def lifetimes(mesh: Mesh) -> Lifetimes:
    """Every certificate that the bundle shows."""
    every = list(seen(mesh))
    roles = {found.serial: found.role for role in ("Secret", "root") for found in every if found.role == role}
    groups: dict[tuple[str, str], list[Seen]] = {}
    for found in every:
        role = roles.get(found.serial, found.role)
        one = found.name if found.identity and role == "workload" else found.serial
        groups.setdefault((role, one), []).append(found)
    made = sorted((_row(role, alike) for (role, _), alike in groups.items()), key=lambda pair: pair[0])
    rows = [row for _, row in made]
    first = [row for row in rows if row.state != "valid" or row.role != "workload"][:MAX_ROWS]
    rest = [row for row in rows if row.state == "valid" and row.role == "workload"]
    few = 0 if len(rest) > FEW + 2 and first else FEW + 2
    return Lifetimes(
        (*first, *rest[:few]),
        tuple(rest[few : few + MAX_ROWS]),
        len(rows) - len(first) - len(rest[: few + MAX_ROWS]),
        sum(1 for role, _ in groups if role == "root"),
        sum(1 for row in rows if row.state != "valid"),
        tuple((place(seconds), label) for seconds, label in TICKS),
    )


def place(seconds: float) -> float:
    """Where a moment so far from now stands on the line, in percent."""
    size = min(max(abs(seconds), _LEAST), _MOST)
    share = math.log(size / _LEAST) / math.log(_MOST / _LEAST)
    return round(_NOW - share * _NOW if seconds < 0 else _NOW + share * (100 - _NOW), 2)


def _row(role: str, alike: list[Seen]) -> tuple[tuple[object, ...], Lifetime]:
    worst = min(alike, key=lambda found: (_state(found) == "valid", found.until))
    state = _state(worst)
    left, right = place((worst.since - worst.now).total_seconds()), place((worst.until - worst.now).total_seconds())
    named = next((found for found in alike if found.role == role), worst)
    row = Lifetime(
        role,
        f"Root {worst.serial[:16]}…" if role == "root" else named.name,
        tuple(dict.fromkeys(found.holder for found in alike)),
        tuple(dict.fromkeys(found.serial for found in alike)),
        day(worst.since),
        day(worst.until),
        state,
        _words(worst, state) + _share(alike, state),
        left,
        max(round(right - left, 2), 0.8),
    )
    order = ["expired", "not yet valid", "ends soon", "valid"].index(state)
    return (order, {"root": 0, "Secret": 1}.get(role, 2), worst.until, worst.name), row


def _share(alike: list[Seen], state: str) -> str:
    """How many of an identity's certificates are so, where not all of them are."""
    every = {found.serial for found in alike}
    such = {found.serial for found in alike if _state(found) == state}
    return "" if such == every else f" ({len(such):,} of {len(every):,})"


def _state(found: Seen) -> str:
    if found.until <= found.now:
        return "expired"
    if found.since > found.now:
        return "not yet valid"
    left = (found.until - found.now).total_seconds()
    life = (found.until - found.since).total_seconds()
    late = left < life * LATE_SHARE if found.identity else left < SOON
    return "ends soon" if late else "valid"


def _words(found: Seen, state: str) -> str:
    if state == "expired":
        return f"{span(found.now - found.until)} before the capture"
    if state == "not yet valid":
        return f"until {span(found.since - found.now)} after the capture"
    return f"{span(found.until - found.now)} left"


def seen(mesh: Mesh) -> Iterator[Seen]:
    """Every certificate in every place; what cannot be read is left out (rules speak of it)."""
    for proxy in mesh.proxies:
        now = mesh.bundle.at(proxy.entry("certs.json"))
        if now is not None and proxy.has("certs.json"):
            yield from _envoy(as_dict(proxy.json("certs.json")), proxy.id, now)
    for ztunnel in mesh.ztunnels:
        now = mesh.bundle.at(ztunnel.entry("config_dump.json"))
        if now is not None:
            yield from _ztunnel(ztunnel.config, ztunnel.id, now)
    for secret in mesh.kube.list("secrets"):
        now = mesh.bundle.at(secret.pointer.entry)
        if now is not None:
            yield from _secret(secret, now)


def _envoy(page: dict[str, Any], holder: str, now: datetime) -> Iterator[Seen]:
    """Envoy's `certs`: serials in hex."""
    for item in dicts(page.get("certificates")):
        for member, role in (("ca_cert", "root"), ("cert_chain", "workload")):
            for found in dicts(item.get(member)):
                since, until = parse_time(found.get("valid_from")), parse_time(found.get("expiration_time"))
                if since and until:
                    serial = as_text(found.get("serial_number")).lower().lstrip("0")
                    yield Seen(role, _san(found) or serial, serial, since, until, holder, now)


def _san(found: dict[str, Any]) -> str:
    for item in dicts(found.get("subject_alt_names")):
        for kind in ("uri", "dns", "ip_address"):
            if as_text(item.get(kind)):
                return as_text(item.get(kind))
    return ""


def _ztunnel(config: dict[str, Any], holder: str, now: datetime) -> Iterator[Seen]:
    """ztunnel's `config_dump`: serials in decimal."""
    for item in dicts(config.get("certificates")):
        identity = as_text(item.get("identity"))
        for member, role in (("rootCerts", "root"), ("certChain", "workload")):
            for found in dicts(item.get(member)):
                since, until = parse_time(found.get("validFrom")), parse_time(found.get("expirationTime"))
                if since and until:
                    serial = _hex(as_text(found.get("serialNumber")))
                    yield Seen(role, identity, serial, since, until, holder, now)


def _secret(secret: KubeObject, now: datetime) -> Iterator[Seen]:
    """The certificates (never the keys) of a Secret."""
    for member, value in as_dict(secret.raw.get("data")).items():
        try:
            text = base64.b64decode(as_text(value), validate=True)
        except (binascii.Error, ValueError):
            continue
        for found in read_pem(text):
            name = next((san.partition(":")[2] for san in found.sans), "") or found.subject or str(secret)
            holder = f"{secret} {member}"
            yield Seen("Secret", name, _hex(found.serial), found.not_before, found.not_after, holder, now)


def _hex(serial: str) -> str:
    """A decimal serial in hex; what is no number as it is."""
    return f"{int(serial):x}" if serial.isdecimal() and len(serial) < 100 else serial[:100]
