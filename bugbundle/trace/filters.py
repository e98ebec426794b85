"""What each HTTP filter does to a request, as far as it decides its way.

Sources: envoy/api extensions/filters/http/*;
source/extensions/filters/http/{fault,cors,rbac,ext_authz,jwt_authn,local_ratelimit, ratelimit,lua}. A filter is known
by the type of its configuration, not by its name.
"""

from __future__ import annotations

import re
from typing import Any

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.trace import jwt
from bugbundle.trace.authorizer import ask, status
from bugbundle.trace.conditions import Subject
from bugbundle.trace.matchers import Unmodelled, header_matches, string_matches
from bugbundle.trace.model import Ending
from bugbundle.trace.outcome import PASS, Context, Outcome
from bugbundle.trace.rbac import Judgement, judge, owner, policies_of, words
from bugbundle.trace.routes import fraction
from bugbundle.xds.kinds import short_url


def run(item: dict[str, Any], context: Context) -> Outcome:
    """One HTTP filter (HttpFilter) on a request. Raises `Unmodelled` for what is not known."""
    name = as_text(item.get("name"))
    override = context.override(name)
    if _switched_off(item, override):
        return PASS
    if short_url(as_text(override.get("@type"))) == "envoy.config.route.v3.FilterConfig":
        override = as_dict(override.get("config"))
    config = as_dict(item.get("typed_config"))
    kind = short_url(as_text(config.get("@type")))
    known = FILTERS.get(kind)
    if known is None and (kind in TRANSPARENT or kind.startswith(_OWN)):
        return PASS
    if known is None:
        raise Unmodelled(f"the filter {name} ({kind.rpartition('.')[2] or 'of unknown type'})")
    return known(name, config, override, context)


def _switched_off(item: dict[str, Any], override: dict[str, Any]) -> bool:
    if "disabled" in override:
        return bool(override["disabled"])
    return bool(item.get("disabled")) and not override


TRANSPARENT = frozenset(
    f"envoy.extensions.filters.http.{name}"
    for name in (
        "grpc_stats.v3.FilterConfig", "compressor.v3.Compressor", "decompressor.v3.Decompressor", "router.v3.Router",
        "set_filter_state.v3.Config", "grpc_web.v3.GrpcWeb", "buffer.v3.Buffer", "cdn_loop.v3.CdnLoopConfig",
        "grpc_http1_bridge.v3.Config", "set_metadata.v3.Config", "header_to_metadata.v3.Config",
        "upstream_codec.v3.UpstreamCodec", "alternate_protocols_cache.v3.FilterConfig",
        "stateful_session.v3.StatefulSession",
        "tap.v3.Tap", "adaptive_concurrency.v3.AdaptiveConcurrency", "bandwidth_limit.v3.BandwidthLimit",
        "admission_control.v3.AdmissionControl",
    )
)  # fmt: skip
"""Filters that leave a request's way alone."""

_OWN = ("io.istio.", "istio.envoy.", "envoy.config.filter.http.alpn.", "stats.", "istio.")
"""Istio's own: peer metadata, telemetry, ALPN."""


def _fault(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    config = override or config
    if not _fault_concerns(config, context):
        return PASS
    said, delay = [], as_dict(config.get("delay"))
    late = fraction(as_dict(delay.get("percentage")))
    if "fixed_delay" in delay and late:
        said.append(f"delays {late:.0%} of requests by {delay['fixed_delay']}")
    abort = as_dict(config.get("abort"))
    share = fraction(as_dict(abort.get("percentage")))
    if not share or not ("http_status" in abort or "grpc_status" in abort):
        return Outcome("; ".join(said))
    code = int(abort.get("http_status", 200))
    said.append(f"answers {share:.0%} of requests with {code}")
    if share < 1:
        return Outcome("; ".join(said))
    flag = "DI,FI" if late >= 1 and "fixed_delay" in delay else "FI"
    return Outcome("; ".join(said), Ending.ANSWERED, code, flag, "fault_filter_abort")


def _fault_concerns(config: dict[str, Any], context: Context) -> bool:
    wanted = as_text(config.get("upstream_cluster"))
    if wanted and wanted not in context.clusters:
        return False
    return all(header_matches(one, context.headers) for one in dicts(config.get("headers")))


def _cors(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    """CorsFilter::decodeHeaders: a preflight of an allowed origin is answered here."""
    policy = override or _old_cors(context)
    origin, headers = context.headers.get("origin"), context.headers
    enabled = as_dict(policy.get("filter_enabled"))
    if (
        not policy
        or origin is None
        or ("filter_enabled" in policy and not fraction(as_dict(enabled.get("default_value"))))
    ):
        return PASS
    allowed = any(string_matches(one, origin) for one in dicts(policy.get("allow_origin_string_match")))
    preflight = headers.get(":method") == "OPTIONS" and bool(headers.get("access-control-request-method"))
    if not preflight:
        return PASS
    if allowed or policy.get("forward_not_matching_preflights") is False:
        return Outcome("answers the CORS preflight", Ending.ANSWERED, 200, "", "cors_response")
    return Outcome(f"origin {origin} is not allowed: the preflight goes on to the application")


def _old_cors(context: Context) -> dict[str, Any]:
    """`cors` of the route's action or the virtual host, as older control planes wrote it."""
    action = as_dict(as_dict(context.route).get("route"))
    return as_dict(action.get("cors")) or as_dict(as_dict(context.host).get("cors"))


def _rbac(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    if override:
        config = as_dict(override.get("rbac"))
    return rbac_outcome(name, config, context.subject)


def rbac_outcome(name: str, config: dict[str, Any], subject: Subject, code: int = 403) -> Outcome:
    """RBAC of a request or of a connection: shadow rules leave metadata, rules decide."""
    if "matcher" in config:
        raise Unmodelled("RBAC by a matcher")
    if "shadow_rules" in config:
        verdict = judge(as_dict(config["shadow_rules"]), subject)
        prefix = as_text(config.get("shadow_rules_stat_prefix"))
        found = subject.metadata.setdefault("envoy.filters.http.rbac", {})
        subject.metadata.setdefault("envoy.filters.network.rbac", found)
        found[f"{prefix}shadow_engine_result"] = "allowed" if verdict.allowed else "denied"
        if verdict.matched:
            found[f"{prefix}shadow_effective_policy_id"] = verdict.policy
    if "rules" not in config:
        return PASS
    verdict = judge(as_dict(config["rules"]), subject)
    if verdict.allowed:
        return Outcome("; ".join(words(verdict)))
    return _denied(verdict, as_dict(config["rules"]), code)


def _denied(verdict: Judgement, rules: dict[str, Any], code: int) -> Outcome:
    made = owner(verdict.policy)[0]
    named = policies_of(rules)
    said = "; ".join(words(verdict))
    if not verdict.matched and len(named) > 1:
        said += f" (ALLOW policies here: {', '.join(named)})"
    which = verdict.policy if verdict.matched else "none"
    return Outcome(said, Ending.DENIED, code, "", f"rbac_access_denied_matched_policy[{which}]", made)


def _ext_authz(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    return ask(config, context.subject, context.lookup)


def _local_limit(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    config = override or config
    bucket = as_dict(config.get("token_bucket"))
    enforced = as_dict(as_dict(config.get("filter_enforced")).get("default_value"))
    enabled = as_dict(as_dict(config.get("filter_enabled")).get("default_value"))
    if not bucket or not fraction(enabled) or not fraction(enforced):
        return PASS
    code = status(as_dict(config.get("status")).get("code"), 429)
    rate = f"{bucket.get('tokens_per_fill', 1)} requests each {bucket.get('fill_interval', '?')}"
    return Outcome(f"lets {rate} through, bursts of {bucket.get('max_tokens')}; answers others {code}")


def _limit(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    grpc = as_dict(as_dict(as_dict(config.get("rate_limit_service")).get("grpc_service")).get("envoy_grpc"))
    return Outcome(
        f"may ask the rate limit service {grpc.get('cluster_name')}; its answer is not recorded, taken as allowed"
    )


def _lua(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    """Code that looks at responses only leaves the request's way alone; other code is not run here."""
    if override.get("disabled"):
        return PASS
    named = as_text(override.get("name"))
    source = as_dict(override.get("source_code")) or as_dict(as_dict(config.get("source_codes")).get(named))
    source = source or as_dict(config.get("default_source_code"))
    text = as_text(source.get("inline_string")) or as_text(config.get("inline_code"))
    if text and not re.search(r"\benvoy_on_request\b", text):
        return PASS
    if text and not re.search(r"respond|httpCall|:(?:replace|add|remove)\(|Override|clearRouteCache|Metadata", text):
        return PASS
    raise Unmodelled(f"the Lua filter {name}, whose code acts on requests")


def _jwt(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    verdict = jwt.judge(config, override, context.headers, context.now)
    if verdict.payloads:
        context.subject.metadata.setdefault("envoy.filters.http.jwt_authn", {}).update(verdict.payloads)
    if verdict.allowed:
        return Outcome(verdict.said)
    return Outcome(verdict.said, Ending.DENIED, verdict.code, "", verdict.details)


def _istio_authn(name: str, config: dict[str, Any], override: dict[str, Any], context: Context) -> Outcome:
    """Istio's own filter up to 1.22: it gives RBAC the principal and claims that JWT found."""
    found = as_dict(context.subject.metadata.get("envoy.filters.http.jwt_authn"))
    payload = next((value for value in found.values() if isinstance(value, dict)), {})
    auth: dict[str, Any] = {"source.principal": context.subject.connection.identity}
    if payload:
        auth["request.auth.principal"] = f"{payload.get('iss')}/{payload.get('sub')}"
        auth["request.auth.claims"] = payload
        auth["request.auth.audiences"] = ",".join(map(str, as_list(payload.get("aud"))))
    context.subject.metadata["istio_authn"] = auth
    return PASS


_HTTP = "envoy.extensions.filters.http."
FILTERS = {
    f"{_HTTP}fault.v3.HTTPFault": _fault,
    f"{_HTTP}cors.v3.Cors": _cors,
    f"{_HTTP}rbac.v3.RBAC": _rbac,
    f"{_HTTP}ext_authz.v3.ExtAuthz": _ext_authz,
    f"{_HTTP}jwt_authn.v3.JwtAuthentication": _jwt,
    f"{_HTTP}local_ratelimit.v3.LocalRateLimit": _local_limit,
    f"{_HTTP}ratelimit.v3.RateLimit": _limit,
    f"{_HTTP}lua.v3.Lua": _lua,
    "istio.envoy.config.filter.http.authn.v2alpha1.FilterConfig": _istio_authn,
}
"""Type of a filter's configuration → what it does."""
