"""The end of a connection manager's filters: what the chosen route does with a request.

Sources: source/common/router/router.cc (`Filter::decodeHeaders`), config_impl.cc, envoy/api
config/route/v3/route_components.proto.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.mesh.config.hosts import host_matches
from bugbundle.mesh.kinds import GATEWAY
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts, texts
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.selectors import contains
from bugbundle.trace.config import made_by
from bugbundle.trace.matchers import Unmodelled, regex
from bugbundle.trace.model import Ending, Resource
from bugbundle.trace.passage import Passage, leave
from bugbundle.trace.routes import Found, describe, without_port


def route(passage: Passage, found: Found, source: Resource) -> None:
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
        passage.made = _redirecting(passage)
        passage.say("route", f"virtual host {passage.virtual_host} wants https: redirects", where, passage.made)
        passage.end(Ending.REDIRECTED, f"https://{without_port(authority)}", code=301, details="direct_response")
        return
    if found.route is None:
        asked = f"{passage.headers.get(':method')} {passage.headers.get(':path')}"
        said = f"virtual host {passage.virtual_host} has no route for {asked}"
        passage.say("route", f"{said} ({found.passed} looked at)", where)
        passage.end(Ending.NO_ROUTE, said, code=404, flag="NR", details="route_not_found")
        return
    _take(passage, found, where)


def _redirecting(passage: Passage) -> Ref | None:
    """The Istio Gateway whose `httpsRedirect` this is: of those that select the pod, the one that has the host."""
    pod = passage.envoy.proxy.pod
    host = without_port(passage.headers.get(":authority") or "")
    for gateway in passage.envoy.proxy.mesh.kube.list(GATEWAY) if pod is not None else ():
        wanted = texts(gateway.spec.get("selector"))
        if not contains(pod.labels if pod else {}, wanted):
            continue
        for server in dicts(gateway.spec.get("servers")):
            hosts = [str(one).rpartition("/")[2] for one in as_list(server.get("hosts"))]
            if as_dict(server.get("tls")).get("httpsRedirect") and any(host_matches(host, one) for one in hosts):
                return ref(gateway)
    return None


def _take(passage: Passage, found: Found, where: Resource) -> None:
    route = found.route or {}
    made = route_maker(passage, route)
    match = describe(as_dict(route.get("match")))
    alone = f", passing {found.passed} before it" if found.passed else ""
    name = f"route {passage.route} for {match}" if passage.route else f"the route for {match}"
    head = f"virtual host {passage.virtual_host} (domain {found.domain}); {name}{alone}"
    if "direct_response" in route:
        code = int(as_dict(route["direct_response"]).get("status", 200))
        passage.say("route", f"{head}: answers {code} itself", where, made)
        passage.made = made
        passage.end(
            Ending.ANSWERED, f"route {passage.route or match} answers {code}", code=code, details="direct_response"
        )
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


def _forward(passage: Passage, found: Found, where: Resource, head: str, made: Ref | None) -> None:
    action = as_dict(as_dict(found.route).get("route"))
    names, said = clusters_of(passage, action)
    for other in found.maybe:
        names += [name for name in clusters_of(passage, as_dict(other.get("route")))[0] if name not in names]
    extras = "".join(f"; {one}" for one in _more(action))
    passage.say("route", f"{head}: to {said}{extras}", where, made)
    leave(passage, names, as_text(action.get("cluster_not_found_response_code")))
    if passage.ending in (Ending.NO_CLUSTER, Ending.NO_HEALTHY_ENDPOINT):
        passage.made = made or passage.made
    if passage.unmodelled and passage.ending is None:
        passage.end(Ending.NOT_MODELLED, f"{passage.unmodelled} is not modelled")
    _rewrite(passage, found.route or {}, action)


def clusters_of(passage: Passage, action: dict[str, Any]) -> tuple[list[str], str]:
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


def _rewrite(passage: Passage, route: dict[str, Any], action: dict[str, Any]) -> None:
    """The authority and the path that the next proxy sees."""
    if "host_rewrite_literal" in action:
        passage.headers.set(":authority", as_text(action["host_rewrite_literal"]))
    path = passage.headers.get(":path") or ""
    if "prefix_rewrite" in action:
        match = as_dict(route.get("match"))
        old = next((as_text(match[kind]) for kind in ("prefix", "path", "path_separated_prefix") if kind in match), "")
        if path.startswith(old):
            passage.headers.set(":path", as_text(action["prefix_rewrite"]) + path[len(old) :])
    rewrite = as_dict(action.get("regex_rewrite"))
    if rewrite:
        head, mark, query = path.partition("?")
        pattern = regex(as_text(as_dict(rewrite.get("pattern")).get("regex")))
        passage.headers.set(":path", pattern.sub(as_text(rewrite.get("substitution")), head) + mark + query)


def _redirect(passage: Passage, action: dict[str, Any]) -> tuple[int, str]:
    codes = {"": 301, "MOVED_PERMANENTLY": 301, "FOUND": 302, "SEE_OTHER": 303, "TEMPORARY_REDIRECT": 307,
             "PERMANENT_REDIRECT": 308}  # fmt: skip
    headers = passage.headers
    scheme = as_text(action.get("scheme_redirect")) or (
        "https" if action.get("https_redirect") else headers.get(":scheme")
    )
    host = as_text(action.get("host_redirect")) or headers.get(":authority") or ""
    if action.get("port_redirect"):
        host = f"{without_port(host)}:{action['port_redirect']}"
    path = as_text(action.get("path_redirect")) or headers.get(":path") or ""
    return codes.get(as_text(action.get("response_code")), 301), f"{scheme}://{host}{path}"


def route_maker(passage: Passage, route: dict[str, Any]) -> Ref | None:
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
            return Ref(kind, match[1], match[2])
    return Ref("HTTPRoute", match[1], match[2]) if match else made
