"""Tables that kubectl and istioctl print, pasted or kept: `kubectl get events -o wide`, `istioctl proxy-status`.

Columns stand where their headings stand, as Go's tabwriter prints them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bugbundle.bundle.manifest import format_time
from bugbundle.codec import encode

Row = dict[str, str]

EVENTS = re.compile(r"NAMESPACE +LAST SEEN +TYPE +REASON +OBJECT +")
STATUS = re.compile(r"NAME +(?:CLUSTER +)?(?:CDS +LDS +EDS +RDS|ISTIOD +VERSION)")
_HEADING = re.compile(r"\S+(?: \S+)*")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 31536000}
_PART = re.compile(r"(\d+)([smhdy])")
_SERIES = re.compile(r"(\S+) \(x(\d+) over (\S+)\)")
_KINDS = {
    "pod": "Pod", "node": "Node", "replicaset": "ReplicaSet", "deployment": "Deployment", "daemonset": "DaemonSet",
    "statefulset": "StatefulSet", "job": "Job", "cronjob": "CronJob", "service": "Service", "endpoints": "Endpoints",
    "endpointslice": "EndpointSlice", "namespace": "Namespace", "gateway": "Gateway", "ingress": "Ingress",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler", "persistentvolumeclaim": "PersistentVolumeClaim",
    "persistentvolume": "PersistentVolume", "lease": "Lease", "poddisruptionbudget": "PodDisruptionBudget",
    "certificate": "Certificate", "mutatingwebhookconfiguration": "MutatingWebhookConfiguration",
}  # fmt: skip
_TYPES = {
    "CDS": "cluster.v3.Cluster", "LDS": "listener.v3.Listener", "RDS": "route.v3.RouteConfiguration",
    "EDS": "endpoint.v3.ClusterLoadAssignment", "ECDS": "core.v3.TypedExtensionConfig",
}  # fmt: skip


def rows(text: str) -> Iterator[Row]:
    """Heading → cell of each row."""
    lines = text.splitlines()
    if not lines:
        return
    heads = [(match.start(), match[0]) for match in _HEADING.finditer(lines[0])]
    ends: list[int | None] = [*(start for start, _ in heads[1:]), None]
    for line in lines[1:]:
        if line.strip():
            yield {name: line[start:end].strip() for (start, name), end in zip(heads, ends, strict=True)}


def events(data: bytes, now: datetime | None) -> list[dict[str, Any]]:
    """`kubectl get events -A -o wide` as Events; ages are counted back from `now`."""
    found = []
    for number, row in enumerate(rows(data.decode("utf-8", "replace"))):
        if row.get("TYPE") not in ("Normal", "Warning") or not row.get("NAMESPACE"):
            continue
        kind, _, name = row.get("OBJECT", "").partition("/")
        last, count, first = _seen(row)
        component, _, host = row.get("SOURCE", "").partition(", ")
        involved = {"kind": _KINDS.get(kind, kind.capitalize()), "name": name, "namespace": row["NAMESPACE"]}
        if row.get("SUBOBJECT"):
            involved["fieldPath"] = row["SUBOBJECT"]
        found.append({
            "metadata": {"name": row.get("NAME") or f"{name}.{number}", "namespace": row["NAMESPACE"]},
            "involvedObject": involved, "type": row["TYPE"], "reason": row.get("REASON", ""),
            "message": row.get("MESSAGE", ""), "count": count,
            "source": {"component": component, **({"host": host} if host else {})},
            "firstTimestamp": _ago(now, first), "lastTimestamp": _ago(now, last),
        })  # fmt: skip
    return found


def _seen(row: Row) -> tuple[float | None, int, float | None]:
    """Seconds since it was seen last, how often, seconds since it was seen first."""
    series = _SERIES.fullmatch(row.get("LAST SEEN", ""))
    last = seconds(series[1] if series else row.get("LAST SEEN", ""))
    first = seconds(row.get("FIRST SEEN", "")) if row.get("FIRST SEEN") else last
    count = int(series[2][:9]) if series else 1
    return last, int(row["COUNT"][:9]) if row.get("COUNT", "").isdigit() else count, first


def seconds(text: str) -> float | None:
    """A duration as `kubectl` prints it (`3m5s`) in seconds; None for anything else."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text or len(text) > 24:
        return None
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


def _ago(now: datetime | None, age: float | None) -> str | None:
    try:
        return format_time((now - timedelta(seconds=age)).replace(microsecond=0)) if now and age is not None else None
    except OverflowError:
        return None


def syncz(data: bytes) -> dict[str, list[dict[str, Any]]]:
    """`istioctl proxy-status` as what `debug/syncz` would have said: istiod's pod → rows."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows(data.decode("utf-8", "replace")):
        name = row.get("NAME", "")
        if "." not in name or " " in name:
            continue
        said: dict[str, Any] = {"proxy": name, "cluster_id": row.get("CLUSTER", "")}
        said["istio_version"] = row.get("VERSION", "")
        cells = {url: row[short] for short, url in _TYPES.items() if row.get(short)}
        states = {f"type.googleapis.com/envoy.config.{url}": _state(cell) for url, cell in cells.items()}
        said["resources"] = {url: state for url, state in states.items() if state is not None}
        found.setdefault(row.get("ISTIOD") or "istiod", []).append(said)
    return found


def _state(cell: str) -> dict[str, str] | None:
    word = cell.upper()
    if word.startswith("SYNCED"):
        return {"sent": "x", "acked": "x"}
    if word.startswith("STALE"):
        return {"sent": "y", "acked": "x"}
    if word.startswith("ERROR"):
        return {"sent": "y", "acked": "x", "lastError": "not in this table: `istioctl proxy-status` shows ERROR alone"}
    return {} if word.startswith("NOT SENT") else None


def encoded_syncz(found: list[dict[str, Any]]) -> bytes:
    """Rows of `debug/syncz` as JSON."""
    return encode(found)
