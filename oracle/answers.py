"""What Envoy's log says of a question, and whether `bugbundle.trace` says the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bugbundle.mesh import Proxy
from bugbundle.trace.clusters import target
from bugbundle.trace.config import envoy
from bugbundle.trace.connection import Connection
from bugbundle.trace.listeners import through
from bugbundle.trace.model import Ending, Request
from bugbundle.trace.passage import Passage
from oracle.adapt import loopback
from oracle.client import Question

NOW = 1_790_000_000.0


def read_log(path: Path) -> dict[str, Any]:
    """id, or `address:port` of the client → what was logged: of the request, else of TCP, else of the listener."""
    found: dict[str, Any] = {}
    rank = {"http": 0, "tcp": 1, "listener": 2}
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        key = row["id"] if row["kind"] == "http" and row["id"] not in (None, "-") else row["remote"]
        if key not in found or rank[row["kind"]] < rank[found[key]["kind"]]:
            found[key] = row
    return found


def passage(proxy: Proxy, question: Question) -> Passage:
    """Our own answer."""
    known = envoy(proxy)
    listener = next(one for one in known.listeners if one.resource.name == question.listener)
    source, goal = question.source, question.destination
    connection = Connection(
        source[0], source[1], goal[0], goal[1], question.tls, question.sni, question.alpn,
        (question.principal,) if question.principal else (), question.protocol, question.tls,
        {"io.istio.peer_principal": question.peer} if question.peer else {}, "127.0.0.1",
    )  # fmt: skip
    headers = (("host", question.authority), *question.headers) if question.protocol != "tcp" else ()
    request = Request("", question.authority, goal[1], "http", question.method, question.path, headers)
    return through(known, listener, connection, request, NOW)


def ours(made: Passage) -> dict[str, Any]:
    """In the words of Envoy's log."""
    forwarded = made.ending is None
    hosts = [f"{loopback(one.endpoint.address)}" for one in made.target.hosts] if made.target and forwarded else []
    return {
        "code": (200 if made.http else 0) if forwarded else made.code or 0,
        "flags": made.flag or "-",
        "clusters": made.clusters,
        "cluster": made.cluster,
        "route": made.route if made.http else "",
        "hosts": hosts,
        "details": made.details,
        "ending": str(made.ending or "forwarded"),
        "unmodelled": made.unmodelled,
    }


def compare(proxy: Proxy, question: Question, answers: dict[str, Any]) -> tuple[str, Any, Any]:
    """(`equal`, `differ`, `not modelled` or `no answer`; ours; Envoy's)."""
    row = answers.get(str(question.number)) or answers.get(f"{question.source[0]}:{question.source[1]}")
    return judge(proxy, question, row)


def judge(proxy: Proxy, question: Question, row: dict[str, Any] | None) -> tuple[str, Any, Any]:
    """As `compare`, for one answer of Envoy (None: it wrote nothing down)."""
    made = passage(proxy, question)
    mine = ours(made)
    if made.ending is Ending.NOT_MODELLED and not made.unmodelled:
        return "not modelled", mine, row
    if row is None:
        quiet = made.ending in (Ending.TLS_MISMATCH, Ending.NO_ROUTE)
        return ("equal" if quiet else "no answer"), mine, None
    other = row["cluster"] or ""
    if other != made.cluster and other in made.clusters and made.http:
        mine = _other_way(proxy, mine, other)
    return ("equal" if same(mine, row) else "differ"), mine, row


def _other_way(proxy: Proxy, mine: dict[str, Any], name: str) -> dict[str, Any]:
    """What we say where a weighted route chose another of its clusters than the one that the walk follows."""
    found = target(envoy(proxy), name)
    if found is None:
        return {**mine, "cluster": name, "flags": "NC", "code": 503, "ending": "NO_CLUSTER", "hosts": []}
    if found.hosts or found.kind == "ORIGINAL_DST":
        hosts = [loopback(one.endpoint.address) for one in found.hosts]
        return {**mine, "cluster": name, "flags": "-", "code": 200, "ending": "forwarded", "hosts": hosts}
    return {**mine, "cluster": name, "flags": "UH", "code": 503, "ending": "NO_HEALTHY_ENDPOINT", "hosts": []}


def same(mine: dict[str, Any], row: dict[str, Any]) -> bool:
    """Route, cluster, code and flag; of a cluster with several ways any of them."""
    code = int(row["code"] or 0)
    flags = set((row["flags"] or "-").split(","))
    if row["kind"] == "listener" and mine["ending"] == "TLS_MISMATCH":
        return True
    cluster = row["cluster"] or "-"
    if cluster != "-" and mine["clusters"] and cluster not in mine["clusters"]:
        return False
    if (cluster != "-") != bool(mine["clusters"]) and mine["ending"] in ("forwarded", "NO_HEALTHY_ENDPOINT"):
        return False
    if code != mine["code"] and not (mine["code"] == 0 and row["kind"] != "http"):
        return False
    wanted = set(mine["flags"].split(","))
    if flags - {"DC", "-"} != wanted - {"-"}:
        return False
    host = (row["host"] or "-").rpartition(":")[0]
    if (
        mine["hosts"]
        and cluster == mine["cluster"]
        and host not in ("", "-")
        and host not in mine["hosts"]
        and host != "127.0.0.1"
    ):
        return False
    route = row["route"] or "-"
    return mine["ending"] == "DENIED" or row["kind"] != "http" or route == "-" or route == mine["route"]
