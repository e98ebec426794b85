"""Envoy's HTTP connection manager: the request's head, the route, the HTTP filters, the router.

Sources: source/common/http/conn_manager_impl.cc, conn_manager_utility.cc (`mutateRequestHeaders`, `maybeNormalizePath`),
path_utility.cc, source/common/router/router.cc (`Filter::decodeHeaders`), envoy/api http_connection_manager.proto.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.trace import filters
from bugbundle.trace.clusters import target
from bugbundle.trace.config import made_by
from bugbundle.trace.filters import Context, Outcome
from bugbundle.trace.matchers import Headers, Unmodelled
from bugbundle.trace.model import Ending, Object, Resource
from bugbundle.trace.passage import Passage, leave
from bugbundle.trace.rbac import Subject
from bugbundle.trace.routes import Found, describe, find, without_port
from bugbundle.trace.uri import Rejected, Redirected, normal_path
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
    context = Context(passage.headers, subject, found.route, found.host, None, now)
    if _run_filters(passage, config, context, where):
        _router(passage, found, source)


def _codec(passage: Passage, config: dict[str, Any], where: Resource) -> bool:
    """What comes must be HTTP of a kind that the connection manager speaks."""
    connection = passage.connection
    wanted = as_text(config.get("codec_type")) or "AUTO"
    passage.protocol = connection.protocol
    encrypted = (connection.tls and not passage.tls) or connection.hidden
    if encrypted or connection.protocol == "tcp":
        what = "TLS" if encrypted else "bytes that are not HTTP"
        passage.say("HTTP", f"HTTP is expected; {what} comes: answered 400", where)
        reason = f"{what} to a port that Envoy reads as HTTP"
        ending = Ending.TLS_MISMATCH if encrypted else Ending.PROTOCOL_MISMATCH
        passage.end(ending, reason, code=400, flag="DPE", details="http1.codec_error")
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


def _routes(
    passage: Passage, config: dict[str, Any], where: Resource
) -> tuple[dict[str, Any] | None, Resource]:
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
    context.clusters = frozenset(passage.envoy.names(Xds.CDS))
    for number, item in enumerate(dicts(config.get("http_filters"))):
        place = where._replace(pointer=f"{where.pointer}/typed_config/http_filters/{number}")
        try:
            outcome = filters.run(_discovered(passage, item), context)
        except Unmodelled as odd:
            passage.say("not modelled", f"{odd}: from here on as if it let the request pass", place)
            passage.unmodelled = passage.unmodelled or str(odd)
            continue
        outcome = _authorizer_answers(passage, item, outcome)
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


def _authorizer_answers(passage: Passage, item: dict[str, Any], outcome: Outcome) -> Outcome:
    """An authorizer without a healthy endpoint cannot answer."""
    if not outcome.unsure:
        return outcome
    found = target(passage.envoy, outcome.unsure)
    if found is None or found.hosts or not found.known or found.kind == "ORIGINAL_DST":
        return outcome
    config = as_dict(item.get("typed_config"))
    return filters.refused_by_authorizer(config, f"the external authorizer {found.name} has no healthy endpoint")


def _stage(item: dict[str, Any]) -> str:
    kind = as_text(as_dict(item.get("typed_config")).get("@type"))
    return next((word for part, word in STAGES.items() if part in kind), as_text(item.get("name")))


def _router(passage: Passage, found: Found, source: Resource) -> None:
    """Router::Filter::decodeHeaders."""
    authority = passage.headers.get(":authority") or ""
    if found.host is None:
        passage.say("route", f"{source.name}: no virtual host has the domain {authority}", source)
        passage.end(Ending.NO_ROUTE, f"no virtual host for {authority} in route {source.name}", code=404, flag="NR",
                    details="route_not_found")  # fmt: skip
        return
    passage.virtual_host = as_text(found.host.get("name"))
    where = source._replace(pointer=source.pointer + found.place) if source.pointer else source
    if found.tls_only:
        passage.say("route", f"virtual host {passage.virtual_host} wants https: redirects", where)
        passage.end(Ending.REDIRECTED, f"https://{without_port(authority)}", code=301, details="direct_response")
        return
    if found.route is None:
        said = f"virtual host {passage.virtual_host} has no route for {passage.headers.get(':method')} {passage.headers.get(':path')}"
        passage.say("route", f"{said} ({found.passed} looked at)", where)
        passage.end(Ending.NO_ROUTE, said, code=404, flag="NR", details="route_not_found")
        return
    _take(passage, found, where)


def _take(passage: Passage, found: Found, where: Resource) -> None:
    route = found.route or {}
    passage.route = as_text(route.get("name"))
    made = route_maker(passage, route)
    match = describe(as_dict(route.get("match")))
    alone = f", passing {found.passed} before it" if found.passed else ""
    head = f"virtual host {passage.virtual_host} (domain {found.domain}); route {passage.route or match} for {match}{alone}"
    if "direct_response" in route:
        code = int(as_dict(route["direct_response"]).get("status", 200))
        passage.say("route", f"{head}: answers {code} itself", where, made)
        passage.made = made
        passage.end(Ending.ANSWERED, f"route {passage.route or match} answers {code}", code=code, details="direct_response")
        return
    if "redirect" in route:
        code, there = _redirect(passage, as_dict(route["redirect"]))
        passage.say("route", f"{head}: redirects to {there}", where, made)
        passage.made = made
        passage.end(Ending.REDIRECTED, there, code=code, details="direct_response")
        return
    if "route" not in route:
        raise Unmodelled("a route without cluster, redirect or answer")
    passage.made = None
    _forward(passage, found, where, head, made)


def _forward(passage: Passage, found: Found, where: Resource, head: str, made: Object | None) -> None:
    action = as_dict(as_dict(found.route).get("route"))
    names, said = _clusters(passage, action)
    for other in found.maybe:
        names += [name for name in _clusters(passage, as_dict(other.get("route")))[0] if name not in names]
    extras = "".join(f"; {one}" for one in _more(action))
    passage.say("route", f"{head}: to {said}{extras}", where, made)
    leave(passage, names, as_text(action.get("cluster_not_found_response_code")))
    if passage.ending in (Ending.NO_CLUSTER, Ending.NO_HEALTHY_ENDPOINT):
        passage.made = made or passage.made
    if passage.unmodelled and passage.ending is None:
        passage.end(Ending.NOT_MODELLED, f"{passage.unmodelled} is not modelled")
    _rewrite(passage, action)


def _clusters(passage: Passage, action: dict[str, Any]) -> tuple[list[str], str]:
    """(the clusters that may be chosen, in words)."""
    if "cluster_header" in action:
        name = passage.headers.get(as_text(action["cluster_header"])) or ""
        return [name], f"{name or 'nowhere'} (header {action['cluster_header']})"
    weighted = dicts(as_dict(action.get("weighted_clusters")).get("clusters"))
    if weighted:
        total = sum(one.get("weight", 0) for one in weighted) or 1
        live = [one for one in weighted if one.get("weight", 0)] or weighted
        parts = [f"{one.get('name')} ({100 * one.get('weight', 0) / total:.0f} in 100)" for one in live]
        return [as_text(one.get("name")) for one in live], " or ".join(parts)
    if "cluster" not in action:
        raise Unmodelled(f"the cluster specifier {next(iter(action), '')}")
    return [as_text(action["cluster"])], as_text(action["cluster"])


def _more(action: dict[str, Any]) -> list[str]:
    """What else a route does: timeout, retries, mirrors."""
    found = []
    if action.get("timeout") not in (None, "0s"):
        found.append(f"timeout {action['timeout']}")
    retry = as_dict(action.get("retry_policy"))
    if retry.get("num_retries"):
        found.append(f"up to {retry['num_retries']} retries")
    for one in dicts(action.get("request_mirror_policies")):
        found.append(f"mirrored to {one.get('cluster')}")
    return found


def _rewrite(passage: Passage, action: dict[str, Any]) -> None:
    """The authority that the next proxy sees."""
    if "host_rewrite_literal" in action:
        passage.headers.set(":authority", as_text(action["host_rewrite_literal"]))
    path = passage.headers.get(":path") or ""
    if "prefix_rewrite" in action:
        match = re.match(re.escape(passage_prefix(passage)), path)
        passage.headers.set(":path", as_text(action["prefix_rewrite"]) + path[match.end() if match else 0 :])


def passage_prefix(passage: Passage) -> str:
    """The prefix that the chosen route matched; empty for a route of another kind."""
    return passage.headers.get("__prefix") or ""


def _redirect(passage: Passage, action: dict[str, Any]) -> tuple[int, str]:
    codes = {"": 301, "MOVED_PERMANENTLY": 301, "FOUND": 302, "SEE_OTHER": 303, "TEMPORARY_REDIRECT": 307,
             "PERMANENT_REDIRECT": 308}  # fmt: skip
    headers = passage.headers
    scheme = as_text(action.get("scheme_redirect")) or ("https" if action.get("https_redirect") else headers.get(":scheme"))
    host = as_text(action.get("host_redirect")) or headers.get(":authority") or ""
    if action.get("port_redirect"):
        host = f"{without_port(host)}:{action['port_redirect']}"
    path = as_text(action.get("path_redirect")) or headers.get(":path") or ""
    return codes.get(as_text(action.get("response_code")), 301), f"{scheme}://{host}{path}"


def route_maker(passage: Passage, route: dict[str, Any]) -> Object | None:
    """The object behind a route; of a Gateway API route, which istiod turns into a VirtualService, that route.

    istiod names such routes `namespace.name.rule[.match]` (pilot/pkg/config/kube/gateway/conversion.go).
    """
    made = made_by(route)
    if made is None or made.kind != "VirtualService":
        return made
    if "~" not in made.name and "-istio-autogenerated-k8s-gateway" not in made.name:
        return made
    kube = passage.envoy.proxy.mesh.kube
    match = re.fullmatch(r"(.*?)\.(.*?)\.\d+(?:\.\d+)?", as_text(route.get("name")))
    for kind, plural in (("HTTPRoute", "httproutes"), ("GRPCRoute", "grpcroutes")):
        if match and kube.get(f"{plural}.gateway.networking.k8s.io", match[1], match[2]):
            return Object(kind, match[1], match[2])
    return Object("HTTPRoute", match[1], match[2]) if match else made


