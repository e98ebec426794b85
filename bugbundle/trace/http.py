"""Envoy's HTTP connection manager: the request's head, the route, the HTTP filters, the router.

Sources: source/common/http/conn_manager_impl.cc, conn_manager_utility.cc (`mutateRequestHeaders`,
`maybeNormalizePath`), path_utility.cc, source/common/router/router.cc (`Filter::decodeHeaders`), envoy/api
http_connection_manager.proto.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.trace import filters
from bugbundle.trace.clusters import target
from bugbundle.trace.conditions import Subject
from bugbundle.trace.matchers import Headers, Unmodelled
from bugbundle.trace.model import Ending, Resource
from bugbundle.trace.outcome import Context
from bugbundle.trace.passage import Passage
from bugbundle.trace.router import clusters_of, route
from bugbundle.trace.routes import Found, find, without_port
from bugbundle.trace.uri import Redirected, Rejected, normal_path
from bugbundle.xds import Xds

STAGES = {
    "fault.v3": "fault injection", "cors.v3": "CORS", "rbac.v3": "RBAC", "ext_authz.v3": "external authorization",
    "jwt_authn.v3": "JWT", "local_ratelimit.v3": "local rate limit", "ratelimit.v3": "rate limit", "lua.v3": "Lua",
}  # fmt: skip


def manage(passage: Passage, config: dict[str, Any], where: Resource, subject: Subject, now: float) -> None:
    """One request through a connection manager."""
    passage.http = True
    if not _codec(passage, config, where):
        return
    passage.headers = subject.headers = _headers(passage, config)
    subject.remote_ip = _remote(passage, config)
    try:
        normal_path(config, passage.headers)
    except Rejected as odd:
        passage.say("HTTP", f"the path is refused: {odd}", where)
        passage.end(Ending.ANSWERED, str(odd), code=400, details="path_normalization_failed")
        return
    except Redirected as there:
        passage.say("HTTP", f"redirects to {there}", where)
        passage.end(Ending.REDIRECTED, str(there), code=307, details="path_normalization_failed")
        return
    body, source = _routes(passage, config, where)
    if body is None:
        _no_table(passage, config)
        return
    passage.route = as_text(body.get("name"))
    found = find(body, passage.headers, passage.connection)
    passage.route = as_text((found.route or {}).get("name"))
    lookup = functools.partial(target, passage.envoy)
    context = Context(passage.headers, subject, found.route, found.host, now, _choices(passage, found), lookup)
    if _run_filters(passage, config, context, where):
        route(passage, found, source)


def _choices(passage: Passage, found: Found) -> frozenset[str]:
    """The clusters of the chosen route."""
    action = as_dict((found.route or {}).get("route"))
    if not action:
        return frozenset()
    try:
        return frozenset(clusters_of(passage, action)[0])
    except Unmodelled:
        return frozenset()


def _codec(passage: Passage, config: dict[str, Any], where: Resource) -> bool:
    """What comes must be HTTP of a kind that the connection manager speaks."""
    connection = passage.connection
    wanted = as_text(config.get("codec_type")) or "AUTO"
    passage.protocol = connection.protocol
    encrypted = (connection.tls and not passage.tls and not connection.lenient) or connection.hidden
    if encrypted or connection.protocol == "tcp":
        what = "TLS" if encrypted else "bytes that are not HTTP"
        passage.say("HTTP", f"HTTP is expected; {what} comes: answered 400", where)
        reason = f"{what} to a port that Envoy reads as HTTP"
        ending = Ending.TLS_MISMATCH if encrypted else Ending.PROTOCOL_MISMATCH
        passage.end(ending, reason, code=400, flag="DPE", details="http1.codec_error")
        return False
    old = connection.protocol == "http/1.0"
    if old and not as_dict(config.get("http_protocol_options")).get("accept_http_10"):
        passage.say("HTTP", "HTTP/1.0 comes and is not accepted: answered 426", where)
        passage.end(Ending.PROTOCOL_MISMATCH, "HTTP/1.0 is not accepted", code=426, flag="DPE", details="low_version")
        return False
    if (wanted == "HTTP2" and connection.protocol != "h2") or (wanted == "HTTP1" and connection.protocol == "h2"):
        passage.say("HTTP", f"{wanted} is expected; {connection.protocol} comes", where)
        passage.end(Ending.PROTOCOL_MISMATCH, f"{connection.protocol} to a port that speaks {wanted} only", flag="DPE")
        return False
    return True


def _headers(passage: Passage, config: dict[str, Any]) -> Headers:
    """The head as filters and routes see it (ConnectionManagerUtility::mutateRequestHeaders)."""
    request = passage.request
    made = Headers()
    for name, value in request.headers:
        if name not in ("host", ":authority"):
            made.add(name, value)
    made.set(":method", request.method)
    if request.method != "CONNECT":
        made.set(":path", request.path)
    made.set(":authority", _authority(request.authority, config, passage.connection.destination_port))
    edge = bool(config.get("use_remote_address"))
    secure = "https" if passage.tls else "http"
    hops = config.get("xff_num_trusted_hops", 0)
    if made.get("x-forwarded-proto") is None or (edge and not hops):
        made.set("x-forwarded-proto", secure)
    made.set(":scheme", made.get("x-forwarded-proto") or secure)
    if request.scheme == "grpc" and made.get("content-type") is None:
        made.set("content-type", "application/grpc")
    return made


def _authority(authority: str, config: dict[str, Any], port: int) -> str:
    host = without_port(authority)
    if config.get("strip_any_host_port") or (config.get("strip_matching_host_port") and authority == f"{host}:{port}"):
        authority = host
    if config.get("strip_trailing_host_dot"):
        authority = re.sub(r"\.(?=:\d+$|$)", "", authority)
    return authority


def _remote(passage: Passage, config: dict[str, Any]) -> str:
    """The client's address as RBAC's `remote_ip` sees it: of X-Forwarded-For where that is trusted."""
    listed = [one.strip() for one in (passage.headers.get("x-forwarded-for") or "").split(",") if one.strip()]
    hops = int(config.get("xff_num_trusted_hops", 0))
    place = hops if not config.get("use_remote_address") else hops - 1
    if 0 <= place < len(listed):
        return listed[-1 - place]
    return passage.connection.source_ip


def _routes(passage: Passage, config: dict[str, Any], where: Resource) -> tuple[dict[str, Any] | None, Resource]:
    """The route configuration, of the listener itself or of RDS."""
    if isinstance(config.get("route_config"), dict):
        return config["route_config"], where._replace(pointer=where.pointer + "/typed_config/route_config")
    if "scoped_routes" in config:
        raise Unmodelled("scoped routes")
    name = as_text(as_dict(config.get("rds")).get("route_config_name"))
    found = passage.envoy.get(Xds.RDS, name)
    if found is None:
        return None, Resource("RDS", name, "")
    return found.body, found.resource


def _no_table(passage: Passage, config: dict[str, Any]) -> None:
    """No route configuration of the name: Envoy answers 404 where RDS was answered, and waits where not."""
    name = as_text(as_dict(config.get("rds")).get("route_config_name"))
    passage.route = name
    if not passage.envoy.has(Xds.RDS):
        passage.end(Ending.INSUFFICIENT_INFO, f"no route configuration was recorded: {name} is wanted")
        return
    passage.say("route", f"Envoy has no route configuration {name}")
    passage.end(Ending.NO_ROUTE, f"no route configuration {name}", code=404, flag="NR", details="route_not_found")


def _run_filters(passage: Passage, config: dict[str, Any], context: Context, where: Resource) -> bool:
    """The HTTP filters in order. False where one ended the request."""
    for number, item in enumerate(passage.adapted(dicts(config.get("http_filters")), http=True)):
        place = where._replace(pointer=f"{where.pointer}/typed_config/http_filters/{number}")
        kind = as_text(as_dict(item.get("typed_config")).get("@type"))
        passage.alpn = passage.alpn or ".filter.http.alpn." in kind
        try:
            outcome = filters.run(_discovered(passage, item), context)
        except Unmodelled as odd:
            passage.say("not modelled", f"{odd}: from here on as if it let the request pass", place)
            passage.unmodelled = passage.unmodelled or str(odd)
            continue
        if outcome.said:
            passage.say(_stage(item), outcome.said, place, outcome.made)
        if outcome.ending is not None:
            passage.made = outcome.made
            passage.end(outcome.ending, outcome.said, code=outcome.code, flag=outcome.flag, details=outcome.details)
            return False
    return True


def _discovered(passage: Passage, item: dict[str, Any]) -> dict[str, Any]:
    """A filter whose configuration comes by ECDS, with it."""
    if "config_discovery" not in item:
        return item
    found = passage.envoy.get(Xds.ECDS, as_text(item.get("name")))
    known = found.body if found else {"typed_config": as_dict(item["config_discovery"]).get("default_config")}
    return {**item, "typed_config": as_dict(known.get("typed_config"))}


def _stage(item: dict[str, Any]) -> str:
    kind = as_text(as_dict(item.get("typed_config")).get("@type"))
    return next((word for part, word in STAGES.items() if part in kind), as_text(item.get("name")))
