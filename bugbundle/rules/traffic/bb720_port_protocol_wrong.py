"""BB720: a port is declared as HTTP, and what goes over it is not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.ports import protocol
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, port_called, proof, times
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.model import Confidence, Evidence, Level, rule

HTTP = frozenset({"http", "http2", "grpc", "grpc-web", "http_proxy"})
FEWEST = 3
OTHERS = re.compile(
    r"redis|mysql|mariadb|postgres|pgsql|mongo|kafka|amqp|rabbit|ldap|smtp|nats|mqtt|memcache|cassandra|zookeeper|sql|ssh"
)
"""Names of what does not speak HTTP."""

PORTS = frozenset(
    {22, 25, 389, 636, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 6380, 9042, 9092, 11211, 27017}
)
"""Where such servers usually listen."""


@rule(
    "BB720",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, res.SERVICE},
    optional={res.POD, res.CONFIG_MAP, res.SERVICE_ENTRY, Source.ENVOY_CONFIG_DUMP},
    explains={"BB750"},
    message="{kind} {service} declares port {port} as {protocol} ({by}), and {who} another protocol: {requests}",
)
def port_protocol_wrong(mesh: Mesh) -> Iterator[Evidence]:
    """Envoy finds no HTTP (DPE: in what the client sends; UPE: in what the server answers) on a port declared as HTTP.

    Where other requests to the same place were answered, the port speaks HTTP, and some answers break it (BB734).
    An Error where the name or number of the port speaks for another protocol; else one odd client may be the reason.

    ## Why it matters
    The name of a Service's port (`http-…`, `grpc-…`, `tcp-…`), or its `appProtocol`, tells Envoy what to expect. Bytes
    of another protocol are refused: 400 or 502, connections closed.

    ## What to do
    Name the port after what it speaks: `tcp-redis`, `tcp-mysql`, `tls-…`, `http2-…`, `grpc-…`, or set `appProtocol`.
    """
    groups: dict[tuple[Ref, int, str], list[Fault]] = defaultdict(list)
    known: dict[Ref, KubeObject] = {}
    for fault in failures(mesh).flagged(("DPE", "UPE")):
        number = port_called(fault)
        service = called(mesh, fault) or _entry(mesh, fault, number)
        answers = "UPE" in fault.flags and fault.total > fault.count
        if fault.recent and service is not None and number and not answers:
            side = "its clients send" if "DPE" in fault.flags else "its pods answer in"
            groups[ref(service), number, side].append(fault)
            known[ref(service)] = service
    for (name, number, side), found in groups.items():
        service = known[name]
        place, port = _port(service, number)
        if port is None or declared(service, port) not in HTTP or times(found) < FEWEST:
            continue
        sure = number in PORTS or bool(OTHERS.search(f"{as_text(port.get('name'))} {service.name}".lower()))
        by = (
            f"appProtocol {port['appProtocol']}"
            if port.get("appProtocol")
            else f"its name is {as_text(port.get('name'))}"
        )
        flag = "DPE" if "DPE" in found[0].flags else "UPE"
        yield Evidence(
            name,
            {
                "kind": service.kind,
                "service": name_of(service),
                "port": number,
                "protocol": (declared(service, port) or "").upper(),
                "by": by,
                "who": side,
                "requests": f"{times(found)} connections failed ({flag})",
            },
            objects=(*(ref(pod) for pod in index(mesh).pods_of(service)[:20]), *(ref(fault.proxy) for fault in found)),
            proofs=(Proof(service.at(place), by), *(proof(fault) for fault in found[-2:])),
            affects=tuple(dict.fromkeys(fault.proxy.id for fault in found)),
            level=Level.ERROR if sure else Level.WARNING,
            confidence=Confidence.LIKELY,
        )


def declared(item: KubeObject, port: dict[str, Any]) -> str | None:
    """The protocol that a port declares: of a Service by name or appProtocol, of a ServiceEntry by its field."""
    if item.kind == "ServiceEntry":
        return as_text(port.get("protocol")).lower() or protocol(port)
    return protocol(port)


def _entry(mesh: Mesh, fault: Fault, number: int) -> KubeObject | None:
    """The ServiceEntry behind an address that was called: it names the address, or is the only one with the port."""
    address = fault.local.rpartition(":")[0].strip("[]")
    found = []
    for item in () if fault.inbound or fault.proxy.kind == "gateway" else mesh.kube.list(res.SERVICE_ENTRY):
        if _port(item, number)[1] is not None:
            endpoints = [as_text(one.get("address")) for one in dicts(item.spec.get("endpoints"))]
            if address in (*map(str, as_list(item.spec.get("addresses"))), *endpoints):
                return item
            found.append(item)
    return found[0] if len(found) == 1 else None


def _port(service: KubeObject, number: int) -> tuple[str, dict[str, Any] | None]:
    for place, port in enumerate(dicts(service.spec.get("ports"))):
        if number in (port.get("port"), port.get("number")):
            return f"/spec/ports/{place}", port
    return "", None
