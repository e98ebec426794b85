"""`ztunnel-config workload|service|policy|certificate|connections|all`.

Columns, order and filters: istioctl/pkg/writer/ztunnel/configdump of 1.29.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.views.table import Table, render
from bugbundle.views.ztunnel_dump import ZtunnelDump


@dataclass(frozen=True, slots=True)
class Filter:
    """What to keep: empty members keep all. `name` is a workload's, `namespace` also a service's or policy's."""

    namespace: str = ""
    address: str = ""
    node: str = ""
    name: str = ""
    direction: str = ""
    raw: bool = False


def workloads(dump: ZtunnelDump, keep: Filter) -> list[dict[str, Any]]:
    """The workloads that pass the filter, in the dump's order."""
    return [item for item in dump.workloads if _keeps(item, keep)]


def _keeps(item: dict[str, Any], keep: Filter) -> bool:
    if not _same(keep.namespace, item["namespace"]) or not _same(keep.node, item["node"]):
        return False
    if keep.name and item["name"] != keep.name:
        return False
    return not keep.address or any(_same(keep.address, ip) for ip in item["workloadIps"] or [])


def _same(wanted: str, found: str) -> bool:
    """Whether an empty filter, or one equal but for case."""
    return not wanted or wanted.casefold() == found.casefold()


def workload_table(dump: ZtunnelDump, keep: Filter) -> Table:
    """By `namespace.name`, then node."""
    found = sorted(workloads(dump, keep), key=lambda item: (f"{item['namespace']}.{item['name']}", item["node"]))
    rows = tuple(
        (
            item["namespace"],
            item["name"],
            ",".join(item["workloadIps"] or []) or item["hostname"],
            item["node"],
            waypoint_name(item, dump.services),
            item["protocol"],
        )
        for item in found
    )
    return Table(("NAMESPACE", "POD NAME", "ADDRESS", "NODE", "WAYPOINT", "PROTOCOL"), rows)


def waypoint_name(item: dict[str, Any], services: Iterable[dict[str, Any]]) -> str:
    """The service behind a `waypoint.destination`; `None` without one, `NA` where no service has it."""
    if "waypoint" not in item:
        return "None"
    destination = item["waypoint"]["destination"]
    for service in services:
        host = f"{service['namespace']}/{service['hostname']}"
        if destination == host or destination in (service["vips"] or []):
            return str(service["name"])
    return "NA"


def services(dump: ZtunnelDump, keep: Filter) -> list[dict[str, Any]]:
    """The services of a namespace, by namespace, name, host."""
    return [item for item in dump.services if _same(keep.namespace, item["namespace"])]


def service_table(dump: ZtunnelDump, keep: Filter) -> Table:
    """ENDPOINTS: those whose workload is known and healthy / all."""
    known = {workload["uid"]: workload["status"] for workload in dump.workloads}
    rows = []
    for item in services(dump, keep):
        endpoints = (item["endpoints"] or {}).values()
        healthy = sum(1 for end in endpoints if end and known.get(end["workloadUid"]) == "Healthy")
        rows.append(
            (
                item["namespace"],
                item["name"],
                ",".join(vip.partition("/")[2] for vip in item["vips"] or []),
                waypoint_name(item, dump.services),
                f"{healthy}/{len(endpoints)}",
            )
        )
    return Table(("NAMESPACE", "SERVICE NAME", "SERVICE VIP", "WAYPOINT", "ENDPOINTS"), tuple(rows))


def policies(dump: ZtunnelDump, keep: Filter) -> list[dict[str, Any]]:
    """The policies of a namespace, by namespace and name."""
    return [item for item in dump.policies if _same(keep.namespace, item["namespace"])]


def policy_table(dump: ZtunnelDump, keep: Filter) -> Table:
    """One line per policy."""
    rows = tuple((item["namespace"], item["name"], item["action"], item["scope"]) for item in policies(dump, keep))
    return Table(("NAMESPACE", "POLICY NAME", "ACTION", "SCOPE"), rows)


def certificate_table(dump: ZtunnelDump, now: datetime | None) -> Table:
    """One line per certificate of each chain; VALID CERT is asked of `now`, the capture's time."""
    columns = ("CERTIFICATE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE")
    rows: list[tuple[str, ...]] = []
    for item in dump.certificates:
        state = "Unavailable" if "Unavailable" in item["state"] else item["state"]
        chain, roots = item["certChain"] or [], item["rootCerts"] or []
        if not chain:
            rows.append((item["identity"], "NA", state, "false", "NA", "NA", "NA"))
            continue
        for number, cert in enumerate(chain):
            last = number == len(chain) - 1
            kind = "Leaf" if number == 0 else "Root" if last and not roots else "Intermediate"
            rows.append(_certificate(item["identity"], kind, state, cert, now))
        rows.extend(_certificate(item["identity"], "Root", state, cert, now) for cert in roots)
    return Table(columns, tuple(rows), padding=5)


def _certificate(name: str, kind: str, state: str, cert: dict[str, Any], now: datetime | None) -> tuple[str, ...]:
    after, before = parse_time(cert["expirationTime"]), parse_time(cert["validFrom"])
    valid = now is not None and after is not None and before is not None and before < now < after
    return (
        name,
        kind,
        state,
        "true" if valid else "false",
        _hex(cert["serialNumber"]),
        cert["expirationTime"] or "NA",
        cert["validFrom"] or "NA",
    )


def _hex(serial: str) -> str:
    """A decimal number in hexadecimal; what Go prints for no number."""
    return f"{int(serial):x}" if serial.isascii() and serial.isdigit() and len(serial) < 4000 else "<nil>"


def states(dump: ZtunnelDump, keep: Filter) -> list[dict[str, Any]]:
    """What ztunnel does for each local workload of a namespace, or of one name."""
    return [
        item
        for item in dump.states
        if (not keep.namespace or item["info"]["namespace"] == keep.namespace)
        and (not keep.name or item["info"]["name"] == keep.name)
    ]


def connection_table(dump: ZtunnelDump, keep: Filter) -> Table:
    """One line per open connection; addresses by the name of service or workload unless `keep.raw`."""
    columns = ("WORKLOAD", "DIRECTION", "LOCAL", "REMOTE", "REMOTE TARGET", "PROTOCOL")
    names = {} if keep.raw else _names(dump)
    rows: list[tuple[str, ...]] = []
    for item in states(dump, keep):
        name = f"{item['info']['name']}.{item['info']['namespace']}"
        if keep.direction != "outbound":
            for link in item["connections"]["inbound"] or []:
                local, remote = _named(link["actualDst"], names), _named(link["src"], names)
                rows.append((name, "Inbound", local, remote, link["originalDst"], link["protocol"]))
        if keep.direction != "inbound":
            for link in item["connections"]["outbound"] or []:
                ends = [_named(link[end], names) for end in ("src", "actualDst", "originalDst")]
                rows.append((name, "Outbound", *ends, link["protocol"]))
    return Table(columns, tuple(rows))


def _names(dump: ZtunnelDump) -> dict[str, str]:
    """Address → name; a service's first address goes before a workload's."""
    found: dict[str, str] = {}
    for item in dump.workloads:
        found[(item["workloadIps"] or [""])[0] or "None"] = f"{item['name']}.{item['namespace']}"
    for item in dump.services:
        found[(item["vips"] or [""])[0].partition("/")[2] or "None"] = item["hostname"]
    return found


def _named(address: str, names: dict[str, str]) -> str:
    """`host:port` with the host's name in place of its address."""
    host, colon, port = address.rpartition(":")
    known = names.get(host.removeprefix("[").removesuffix("]")) if colon else None
    if known is None:
        return address
    return f"[{known}]:{port}" if ":" in known else f"{known}:{port}"


def summary(dump: ZtunnelDump, now: datetime | None, *, headers: bool = False) -> str:
    """`ztunnel-config all`: the five tables, an empty line before each; `headers` puts a line above each."""
    everything = Filter()
    parts = {
        "WORKLOAD": workload_table(dump, everything),
        "SERVICE": service_table(dump, everything),
        "POLICY": policy_table(dump, everything),
        "SECRET": certificate_table(dump, now),
        "CONNECTIONS": connection_table(dump, everything),
    }
    return "".join(
        (f"\n------ {name} INFO ------\n\n" if headers else "\n") + render(table) for name, table in parts.items()
    )
