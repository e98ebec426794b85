"""Envoy's JWT authentication of a request: which token, which requirement, why refused.

Sources: envoy/api extensions/filters/http/jwt_authn/v3/config.proto; source/extensions/filters/http/jwt_authn/{filter,
authenticator,verifier,extractor}.cc; the texts are those of google/jwt_verify_lib status.cc. A signature is checked
where the keys are in the configuration (`local_jwks`, which is what istiod writes), else taken as valid, and said so.
No token is repeated in any text.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.trace.connection import Connection
from bugbundle.trace.matchers import Headers, query_value
from bugbundle.trace.routes import matches

MISSING = "Jwt is missing"
UNKNOWN = "Jwt issuer is not configured"
SKEW = 60.0
"""Seconds of clock skew that Envoy allows by default."""


@dataclass(slots=True)
class Verdict:
    """`payloads` are the claims to leave as metadata, by the key that the provider names."""

    allowed: bool
    said: str = ""
    code: int = 401
    details: str = ""
    payloads: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Result:
    """Of one requirement: why it fails (empty: it holds), and what was found in the token."""

    failure: str = ""
    payloads: dict[str, Any] = field(default_factory=dict)
    unchecked: bool = False


def judge(config: dict[str, Any], override: dict[str, Any], headers: Headers, now: float) -> Verdict:
    """Filter::decodeHeaders: the first rule whose match fits says what is required. `now` in seconds since 1970."""
    preflight = headers.get(":method") == "OPTIONS" and headers.get("origin") is not None
    if config.get("bypass_cors_preflight") and preflight and headers.get("access-control-request-method"):
        return Verdict(True)
    if override.get("disabled"):
        return Verdict(True)
    requires = _requirement(config, override, headers)
    if requires is None:
        return Verdict(True)
    result = _Judge(config, headers, now).requirement(requires)
    if not result.failure:
        text = "; its signature is not checked: the keys are not in the recording" if result.unchecked else ""
        return Verdict(True, f"accepts the token{text}" if result.payloads else "", payloads=result.payloads)
    code = 403 if result.failure == AUDIENCE else 401
    words = re.sub(r"[\s]+", "_", result.failure)
    return Verdict(False, result.failure, code, f"jwt_authn_access_denied{{{words}}}")


def _requirement(config: dict[str, Any], override: dict[str, Any], headers: Headers) -> dict[str, Any] | None:
    named = as_dict(config.get("requirement_map"))
    if "requirement_name" in override:
        found = named.get(as_text(override["requirement_name"]))
        return found if isinstance(found, dict) else None
    for rule in dicts(config.get("rules")):
        if matches(as_dict(rule.get("match")), headers, Connection()):
            found = rule.get("requires", named.get(as_text(rule.get("requirement_name"))))
            return found if isinstance(found, dict) else None
    return None


AUDIENCE = "Audiences in Jwt are not allowed"


class _Judge:
    """The requirements of one filter on one request."""

    def __init__(self, config: dict[str, Any], headers: Headers, now: float) -> None:
        self.providers = {name: as_dict(one) for name, one in as_dict(config.get("providers")).items()}
        self.headers = headers
        self.now = now

    def requirement(self, wanted: dict[str, Any]) -> _Result:
        if "requires_any" in wanted:
            return self._any(
                [self.requirement(one) for one in dicts(as_dict(wanted["requires_any"]).get("requirements"))]
            )
        if "requires_all" in wanted:
            return self._all(
                [self.requirement(one) for one in dicts(as_dict(wanted["requires_all"]).get("requirements"))]
            )
        if "allow_missing" in wanted or "allow_missing_or_failed" in wanted:
            return self._optional("allow_missing_or_failed" in wanted)
        named = as_dict(wanted.get("provider_and_audiences"))
        name = as_text(wanted.get("provider_name")) or as_text(named.get("provider_name"))
        return self._provider(name, as_list(named.get("audiences")))

    @staticmethod
    def _any(results: list[_Result]) -> _Result:
        good = [one for one in results if not one.failure]
        if good:
            return max(good, key=lambda one: bool(one.payloads))
        told = [one for one in results if one.failure not in (MISSING, UNKNOWN)]
        return (told or [one for one in results if one.failure == UNKNOWN] or results or [_Result()])[0]

    @staticmethod
    def _all(results: list[_Result]) -> _Result:
        bad = next((one for one in results if one.failure), None)
        return bad or _Result("", {k: v for one in results for k, v in one.payloads.items()})

    def _optional(self, failed_too: bool) -> _Result:
        found = [self._provider(name, []) for name in self.providers]
        good = next((one for one in found if not one.failure), None)
        if good is not None:
            return good
        bad = [one for one in found if one.failure != MISSING]
        if not bad or failed_too:
            return _Result()
        return next((one for one in bad if one.failure != UNKNOWN), bad[0])

    def _provider(self, name: str, audiences: list[Any]) -> _Result:
        provider = self.providers.get(name, {})
        tokens = list(_tokens(provider, self.headers))
        if not tokens:
            return _Result(MISSING)
        results = [self._token(one, provider, audiences or as_list(provider.get("audiences"))) for one in tokens]
        return next((one for one in results if one.failure), results[0])

    def _token(self, token: str, provider: dict[str, Any], audiences: list[Any]) -> _Result:
        parts = token.split(".")
        if len(parts) != 3:
            return _Result("Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections")
        header, payload = _part(parts[0]), _part(parts[1])
        if header is None:
            return _Result(
                "Jwt header is an invalid Base64url encoded"
                if _raw(parts[0]) is None
                else "Jwt header is an invalid JSON"
            )
        if payload is None:
            bad = _raw(parts[1]) is None
            return _Result("Jwt payload is an invalid Base64url encoded" if bad else "Jwt payload is an invalid JSON")
        failure = self._claims(payload, provider, audiences)
        if failure:
            return _Result(failure)
        checked = _signature(header, token, provider)
        if checked is False:
            return _Result("Jwt verification fails")
        key = as_text(provider.get("payload_in_metadata"))
        return _Result("", {key: _normal(payload, provider)} if key else {"": payload}, checked is None)

    def _claims(self, payload: dict[str, Any], provider: dict[str, Any], audiences: list[Any]) -> str:
        issuer = as_text(provider.get("issuer"))
        if issuer and payload.get("iss") != issuer:
            return UNKNOWN
        skew = float(provider.get("clock_skew_seconds") or SKEW)
        if isinstance(payload.get("nbf"), int | float) and payload["nbf"] > self.now + skew:
            return "Jwt not yet valid"
        if isinstance(payload.get("exp"), int | float) and payload["exp"] < self.now - skew:
            return "Jwt is expired"
        shown = payload.get("aud")
        listed = shown if isinstance(shown, list) else [shown]
        if audiences and not {_audience(one) for one in listed if isinstance(one, str)} & {
            _audience(str(a)) for a in audiences
        }:
            return AUDIENCE
        return ""


def _audience(text: str) -> str:
    """Without scheme and a slash at the end, as Envoy compares them."""
    return re.sub(r"^https?://", "", text).removesuffix("/")


def _tokens(provider: dict[str, Any], headers: Headers) -> list[str]:
    """Extractor: the places that a provider names, else `Authorization: Bearer` and `access_token`."""
    places, params = dicts(provider.get("from_headers")), [str(one) for one in as_list(provider.get("from_params"))]
    cookies = [str(one) for one in as_list(provider.get("from_cookies"))]
    if not (places or params or cookies):
        places, params = [{"name": "Authorization", "value_prefix": "Bearer "}], ["access_token"]
    found = []
    for place in places:
        value, prefix = headers.get(as_text(place.get("name"))), as_text(place.get("value_prefix"))
        if value is not None and prefix in value:
            found.append(re.split(r"[^\w.\-=+/]", value.split(prefix, 1)[1] if prefix else value, maxsplit=1)[0])
    found += [value for name in params if (value := query_value(headers.get(":path") or "", name)) is not None]
    for part in (headers.get("cookie") or "").split(";"):
        name, _, value = part.strip().partition("=")
        if name in cookies:
            found.append(value)
    return found


def _raw(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None


def _part(text: str) -> dict[str, Any] | None:
    raw = _raw(text)
    try:
        found = decode(raw) if raw is not None else None
    except BugbundleError:
        return None
    return found if isinstance(found, dict) else None


def _normal(payload: dict[str, Any], provider: dict[str, Any]) -> dict[str, Any]:
    """Claims with spaces as lists (`normalize_payload_in_metadata`)."""
    names = as_list(as_dict(provider.get("normalize_payload_in_metadata")).get("space_delimited_claims"))
    return {k: v.split(" ") if k in names and isinstance(v, str) else v for k, v in payload.items()}


def _signature(header: dict[str, Any], token: str, provider: dict[str, Any]) -> bool | None:
    """Whether a local key signed it; None where the keys were not recorded."""
    text = as_text(as_dict(provider.get("local_jwks")).get("inline_string"))
    try:
        keys = dicts(as_dict(decode(text.encode())).get("keys")) if text else []
    except BugbundleError:
        keys = []
    if not keys:
        return None
    from bugbundle.certificates import signed_by

    content, _, mark = token.rpartition(".")
    signature, kid = _raw(mark), header.get("kid")
    near = [key for key in keys if not kid or not key.get("kid") or key.get("kid") == kid]
    algorithm = as_text(header.get("alg"))
    return signature is not None and any(signed_by(key, algorithm, content.encode(), signature) for key in near)
