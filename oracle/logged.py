"""Logged requests: every line of a proxy's access log since its last change must end, in the walk, where the log says.

`python -m oracle.logged BUNDLE…` prints a table. A line is left out where something that it met was changed after it,
and where the route was chosen by a header that the log does not hold.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bugbundle.bundle import open_bundle
from bugbundle.bundle.manifest import parse_time
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh, Proxy
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.signals.access import DEFAULT, compile_format
from bugbundle.trace import Request, walk
from bugbundle.trace.config import envoy
from bugbundle.trace.connection import Connection
from bugbundle.trace.listeners import through
from bugbundle.trace.places import places
from bugbundle.xds import Xds

DRAIN = timedelta(seconds=45)
"""Istio's drainDuration: so long may connections on a listener that was replaced still get the answers of before."""

_REQUEST = re.compile(r'"(\S+) (\S+) (\S+)"')


def main() -> int:
    """All bundles; 1 where anything differs."""
    total: Counter[str] = Counter()
    for path in sys.argv[1:]:
        counts: Counter[str] = Counter()
        mesh = Mesh(open_bundle(path))
        for proxy in mesh.proxies:
            for line, row in _lines(mesh, proxy):
                verdict, mine = _judge(mesh, proxy, row)
                counts[verdict] += 1
                if verdict == "differ":
                    print(f"  {proxy.id}: {line[:330]}\n    ours {mine}", file=sys.stderr)
        total += counts
        print(f"{path[-60:]:60} {dict(counts)}")
    print("all", dict(total))
    return 1 if total["differ"] else 0


def _lines(mesh: Mesh, proxy: Proxy) -> Iterator[tuple[str, dict[str, Any]]]:
    pattern = compile_format(as_text(mesh_config(mesh).get("accessLogFormat")) or DEFAULT)
    try:
        data = mesh.bundle[f"logs/{proxy.namespace}/{proxy.name}/istio-proxy.log"]
    except (KeyError, BugbundleError):
        return
    changed = _changed(proxy)
    for raw in data.splitlines():
        found = pattern.match(raw) if raw[:1] == b"[" else None
        if found is None:
            continue
        row = {key: (value or b"").decode("utf-8", "replace") for key, value in found.groupdict().items()}
        at = parse_time(row["start"])
        text = raw.decode("utf-8", "replace")
        asked = _REQUEST.search(text)
        row["asked"] = asked.groups() if asked else ("-", "-", "-")
        row["old"] = at is None or changed is None or at <= changed + DRAIN
        yield text, row


def _changed(proxy: Proxy) -> datetime | None:
    """When the last of its listeners, routes and clusters came, or any object of Istio was made."""
    if proxy.dump is None:
        return None
    kinds = (Xds.LDS, Xds.RDS, Xds.CDS)
    times = [parse_time(one.last_updated) for kind in kinds for one in proxy.dump.resources(kind, "dynamic_active")]
    return max((one for one in times if one is not None), default=None)


def _judge(mesh: Mesh, proxy: Proxy, row: dict[str, Any]) -> tuple[str, Any]:
    if row["old"]:
        return "changed since", None
    cluster = row["cluster"].strip("-")
    local, _, port = row["local"].rpartition(":")
    if not port.isdigit():
        return "no address", None
    inbound = cluster.startswith("inbound") or local in _own(proxy) or proxy.kind != "sidecar"
    made = (_inside if inbound else _outside)(mesh, proxy, row, local.strip("[]"), int(port))
    if made is None:
        return "sender unknown", None
    return _same(row, made, cluster), made


def _own(proxy: Proxy) -> set[str]:
    return {as_text(one.get("ip")) for one in dicts(as_dict(proxy.pod.status if proxy.pod else {}).get("podIPs"))}


def _request(row: dict[str, Any], port: int, source: str, local: str) -> Request:
    method, path, _ = row["asked"]
    authority, sni = row["authority"].strip("-"), row["sni"].strip("-")
    if method == "-":
        return Request(source, sni or local, port, "tls" if sni else "tcp", to_ip=local)
    return Request(source, authority, port, "http", method, path, (("host", authority),), to_ip=local)


def _outside(mesh: Mesh, proxy: Proxy, row: dict[str, Any], local: str, port: int) -> Any:
    found = walk(mesh, _request(row, port, proxy.id, local))
    return {
        "clusters": found.clusters,
        "flag": found.flag,
        "code": found.code,
        "ending": str(found.ending),
        "route": found.route,
    }


def _inside(mesh: Mesh, proxy: Proxy, row: dict[str, Any], local: str, port: int) -> Any:
    known = envoy(proxy)
    name = {"sidecar": "virtualInbound", "waypoint": "main_internal"}.get(proxy.kind, "")
    if "internal_client" in row["remote"]:
        name = row["cluster"]
    listener = known.get(Xds.LDS, name) if name else known.by_address.get(("0.0.0.0", port))
    if listener is None:
        return None
    source, _, from_port = row["remote"].rpartition(":")
    source = source.strip("[]")
    pod = places(mesh).pods.get(source)
    if row["sni"].strip("-") and (pod is None or from_port == "0"):
        return None
    identity = places(mesh).identity(pod) if pod else ""
    sni = row["sni"].strip("-")
    method, _, protocol = row["asked"]
    spoken = {"HTTP/2": "h2", "HTTP/1.0": "http/1.0"}.get(protocol, "http/1.1") if method != "-" else "tcp"
    connection = Connection(
        source, 1, local, port, bool(sni), sni, ("istio",) if sni.startswith("outbound_") else (),
        (identity,) if identity and sni else (), spoken, False, {"io.istio.peer_principal": identity},
    )  # fmt: skip
    made = through(known, listener, connection, _request(row, port, "", local))
    return {
        "clusters": made.clusters,
        "flag": made.flag,
        "code": made.code,
        "ending": str(made.ending),
        "route": made.route,
    }


def _same(row: dict[str, Any], made: dict[str, Any], cluster: str) -> str:
    details = row["details"]
    wanted = made["clusters"]
    if details.startswith(("rbac_", "jwt_")):
        return "equal" if made["ending"] == "DENIED" else "differ"
    if made["ending"] == "DENIED":
        return "equal" if made["flag"] in row["flags"] and str(made["code"]) == row["code"] else "differ"
    if cluster and cluster not in wanted:
        return "differ"
    if (
        not cluster
        and wanted
        and made["ending"] not in ("DENIED", "ANSWERED", "REDIRECTED", "NO_ROUTE", "TLS_MISMATCH", "NO_CLUSTER")
    ):
        return "differ"
    flags = set(row["flags"].strip("-").split(",")) - {""}
    for flag in ("NR", "NC", "UH", "FI", "UAEX"):
        if flag in flags and flag not in made["flag"].split(","):
            return "differ"
    if details.startswith("direct_response") and str(made["code"]) != row["code"]:
        return "differ"
    return "equal"


if __name__ == "__main__":
    sys.exit(main())
