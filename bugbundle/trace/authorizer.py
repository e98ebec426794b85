"""External authorization: whether a request is asked about, whom Envoy asks, and whether that can be answered at all.

The authorizer's own answer is not in a recording: it is taken as «allowed», and said so. What is told is what goes
wrong before: the cluster is missing, has no healthy endpoint, or does not speak what gRPC needs. Sources: envoy/api
extensions/filters/http/ext_authz/v3/ext_authz.proto; source/extensions/filters/common/ext_authz; istio:
pilot/pkg/security/authz/builder/extauthz.go (the shadow rules whose policy the filter's metadata asks for).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.trace.clusters import Target, upstream_protocol
from bugbundle.trace.conditions import Subject, value_matches
from bugbundle.trace.model import Ending
from bugbundle.trace.outcome import PASS, Outcome
from bugbundle.trace.rbac import owner
from bugbundle.trace.routes import fraction

Lookup = Callable[[str], Target | None]
"""Name of a cluster → what the proxy has of it."""

CODES = {"Forbidden": 403, "Unauthorized": 401, "ServiceUnavailable": 503, "InternalServerError": 500,
         "BadGateway": 502, "TooManyRequests": 429, "BadRequest": 400, "NotFound": 404, "OK": 200}  # fmt: skip


def status(value: Any, default: int) -> int:
    """envoy.type.v3.StatusCode: a number, or its name."""
    return value if isinstance(value, int) and value else CODES.get(as_text(value), default)


def ask(config: dict[str, Any], subject: Subject, lookup: Lookup) -> Outcome:
    """What an ext_authz filter does."""
    if "filter_enabled_metadata" in config and not _asked(as_dict(config["filter_enabled_metadata"]), subject):
        return PASS
    if "filter_enabled" in config and not fraction(as_dict(as_dict(config["filter_enabled"]).get("default_value"))):
        return PASS
    made, name, grpc = _policy(subject), _cluster(config), "grpc_service" in config
    why = _why_not(name, grpc, lookup)
    if why:
        return _refused(config, why, made)
    said = f"asks the external authorizer {name}; its answer is not recorded, taken as allowed"
    return Outcome(said, made=made)


def _asked(matcher: dict[str, Any], subject: Subject) -> bool:
    """Whether the metadata that RBAC's shadow rules left says so."""
    here: Any = subject.metadata.get(as_text(matcher.get("filter")))
    for part in dicts(matcher.get("path")):
        here = here.get(as_text(part.get("key"))) if isinstance(here, dict) else None
    return value_matches(as_dict(matcher.get("value")), here) != bool(matcher.get("invert"))


def _policy(subject: Subject) -> Ref | None:
    """The AuthorizationPolicy of action CUSTOM that wants the request asked about."""
    left = as_dict(subject.metadata.get("envoy.filters.http.rbac"))
    return owner(as_text(left.get("istio_ext_authz_shadow_effective_policy_id")))[0]


def _cluster(config: dict[str, Any]) -> str:
    grpc = as_dict(as_dict(config.get("grpc_service")).get("envoy_grpc"))
    http = as_dict(as_dict(config.get("http_service")).get("server_uri"))
    return as_text(grpc.get("cluster_name")) or as_text(http.get("cluster"))


def _why_not(name: str, grpc: bool, lookup: Lookup) -> str:
    """Why nobody can answer; empty where somebody may."""
    found = lookup(name)
    if found is None:
        return f"the external authorizer's cluster {name} does not exist"
    if grpc and upstream_protocol(found.body, "http/1.1") != "h2":
        return f"the external authorizer is asked over gRPC, which needs HTTP/2, and {name} speaks HTTP/1.1"
    if found.known and not found.hosts and found.kind != "ORIGINAL_DST":
        return f"the external authorizer {name} has no healthy endpoint"
    return ""


def _refused(config: dict[str, Any], why: str, made: Ref | None) -> Outcome:
    """Nobody answers: `failure_mode_allow`, else `status_on_error` (403)."""
    if config.get("failure_mode_allow"):
        return Outcome(f"{why}: let through (failure_mode_allow)", made=made)
    code = status(as_dict(config.get("status_on_error")).get("code"), 403)
    return Outcome(f"{why}: answered {code}", Ending.DENIED, code, "UAEX", "ext_authz_error", made)
