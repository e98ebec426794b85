"""AuthorizationPolicies as istiod writes them into Envoy's RBAC.

Source: istio pilot/pkg/security/authz/{model/model.go, model/generator.go, matcher, builder/builder.go}: each rule is
one policy; what `from` and `when` say of the client are principals, what `to` and `when` say of the request are
permissions; for TCP a DENY rule loses its HTTP conditions, and an ALLOW rule that has any is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts

PEER = "io.istio.peer_principal"
SPIFFE = "spiffe://"
Make = Callable[[str], dict[str, Any]]


class Http(Exception):
    """The rule has a condition that only HTTP can tell."""


class Translator:
    """`http`: for HTTP chains; `waypoint`: the client's principal comes as filter state, not in TLS."""

    def __init__(self, http: bool, waypoint: bool = False) -> None:
        self.http = http
        self.waypoint = waypoint

    def rules(self, policies: list[KubeObject], action: str) -> dict[str, Any]:
        """envoy.config.rbac.v3.RBAC of all policies of an action."""
        found: dict[str, Any] = {}
        for policy in policies:
            for number, rule in enumerate(dicts(policy.spec.get("rules"))):
                made = self._rule(rule, action)
                if made is not None:
                    found[f"ns[{policy.namespace}]-policy[{policy.name}]-rule[{number}]"] = made
        return {"action": action, "policies": found} if action == "DENY" else {"policies": found}

    def _rule(self, rule: dict[str, Any], action: str) -> dict[str, Any] | None:
        try:
            when_request, when_client = self._when(rule, action)
            sources = [as_dict(one.get("source")) for one in dicts(rule.get("from"))] or [{}]
            operations = [as_dict(one.get("operation")) for one in dicts(rule.get("to"))] or [{}]
            principals = [self._all(self._source(one, action), when_client, "ids") for one in sources]
            permissions = [self._all(self._operation(one, action), when_request, "rules") for one in operations]
        except Http:
            return None
        return {"permissions": permissions, "principals": principals}

    def _all(self, parts: list[dict[str, Any]], more: list[dict[str, Any]], key: str) -> dict[str, Any]:
        return {f"and_{key}": {key: [*parts, *more] or [{"any": True}]}}

    def _kept(self, action: str, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """HTTP conditions for a chain that is not HTTP: DENY goes without, ALLOW gives the rule up."""
        if made and not self.http:
            if action == "DENY":
                return []
            raise Http
        return made

    def _source(self, source: dict[str, Any], action: str) -> list[dict[str, Any]]:
        made = [
            *_both(source, "principals", "notPrincipals", self._principal, "ids"),
            *_both(source, "namespaces", "notNamespaces", self._namespace, "ids"),
            *_both(source, "serviceAccounts", "notServiceAccounts", self._account, "ids"),
            *_both(source, "ipBlocks", "notIpBlocks", _address("direct_remote_ip"), "ids"),
            *_both(source, "remoteIpBlocks", "notRemoteIpBlocks", _address("remote_ip"), "ids"),
        ]
        web = _both(source, "requestPrincipals", "notRequestPrincipals", _request_principal, "ids")
        return [*made, *self._kept(action, list(web))]

    def _operation(self, operation: dict[str, Any], action: str) -> list[dict[str, Any]]:
        web = [
            *_both(operation, "hosts", "notHosts", lambda text: _header(":authority", text, fold=True), "rules"),
            *_both(operation, "methods", "notMethods", lambda text: _header(":method", text), "rules"),
            *_both(operation, "paths", "notPaths", lambda text: {"url_path": {"path": pattern(text)}}, "rules"),
        ]
        ports = _both(operation, "ports", "notPorts", lambda text: {"destination_port": _port(text)}, "rules")
        return [*ports, *self._kept(action, web)]

    def _when(self, rule: dict[str, Any], action: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """(conditions of the request, conditions of the client)."""
        request: list[dict[str, Any]] = []
        client: list[dict[str, Any]] = []
        for one in dicts(rule.get("when")):
            key = as_text(one.get("key"))
            make, of_client = self._attribute(key)
            made = list(_both(one, "values", "notValues", make, "ids" if of_client else "rules"))
            kept = self._kept(action, made) if key.startswith("request.") else made
            (client if of_client else request).extend(kept)
        return request, client

    def _attribute(self, key: str) -> tuple[Make, bool]:
        known: dict[str, tuple[Make, bool]] = {
            "source.ip": (_address("direct_remote_ip"), True),
            "remote.ip": (_address("remote_ip"), True),
            "source.namespace": (self._namespace, True),
            "source.principal": (self._principal, True),
            "source.serviceAccount": (self._account, True),
            "request.auth.principal": (_request_principal, True),
            "destination.ip": (_address("destination_ip"), False),
            "destination.port": (lambda text: {"destination_port": _port(text)}, False),
            "connection.sni": (lambda text: {"requested_server_name": pattern(text)}, False),
        }
        if key in known:
            return known[key]
        header = re.fullmatch(r"request\.headers\[(.+)\]", key)
        if header:
            return (lambda text: _header(header[1], text)), True
        claims = re.findall(r"\[([^\]]+)\]", key)
        path = (
            claims if key.startswith("request.auth.claims") else {"request.auth.audiences": ["aud"]}.get(key, ["azp"])
        )
        return (lambda text: _claim(path, text)), True

    def _principal(self, text: str) -> dict[str, Any]:
        return self._peer(_spiffe(text))

    def _namespace(self, text: str) -> dict[str, Any]:
        plain = re.escape(text).replace(r"\*", ".*")
        return self._peer({"safe_regex": {"regex": f".*/ns/{plain}/.*"}})

    def _account(self, text: str) -> dict[str, Any]:
        space, slash, name = text.partition("/")
        return self._peer(
            {"safe_regex": {"regex": f".*/ns/{space if slash else '[^/]+'}/sa/{name if slash else space}"}}
        )

    def _peer(self, matcher: dict[str, Any]) -> dict[str, Any]:
        if self.waypoint:
            return {"filter_state": {"key": PEER, "string_match": matcher}}
        return {"authenticated": {"principal_name": matcher}}


def _both(holder: dict[str, Any], yes: str, no: str, make: Make, key: str) -> Iterator[dict[str, Any]]:
    """Values that are wanted (any of them), and values that are not."""
    for field, inverted in ((yes, False), (no, True)):
        values = [make(str(one)) for one in as_list(holder.get(field))]
        if values:
            any_of = {f"or_{key}": {key: values}}
            yield {f"not_{'id' if key == 'ids' else 'rule'}": any_of} if inverted else any_of


def pattern(text: str) -> dict[str, Any]:
    """Istio's patterns as a StringMatcher: `*` anything that is there, `x*`, `*x`, exactly `x`."""
    if text == "*":
        return {"safe_regex": {"regex": ".+"}}
    if text.startswith("*"):
        return {"suffix": text[1:]}
    return {"prefix": text[:-1]} if text.endswith("*") else {"exact": text}


def _spiffe(text: str) -> dict[str, Any]:
    if text == "*":
        return {"safe_regex": {"regex": ".+"}}
    if text.startswith("*"):
        return {"safe_regex": {"regex": f"{SPIFFE}.*{re.escape(text[1:])}"}}
    return {"prefix": SPIFFE + text[:-1]} if text.endswith("*") else {"exact": SPIFFE + text}


def _header(name: str, text: str, fold: bool = False) -> dict[str, Any]:
    matcher = pattern(text)
    return {"header": {"name": name, "string_match": {**matcher, "ignore_case": True} if fold else matcher}}


def _port(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _address(kind: str) -> Make:
    def make(text: str) -> dict[str, Any]:
        base, _, length = text.partition("/")
        width = int(length) if length.isdigit() else (128 if ":" in base else 32)
        return {kind: {"address_prefix": base, "prefix_len": width}}

    return make


def _claim(path: list[str], text: str) -> dict[str, Any]:
    """A claim of the token, a string or a list that holds it."""
    where = [{"key": "payload"}, *({"key": one} for one in path)]
    plain = {"string_match": pattern(text)}
    value = {"or_match": {"value_matchers": [plain, {"list_match": {"one_of": plain}}]}}
    return {"metadata": {"filter": "envoy.filters.http.jwt_authn", "path": where, "value": value}}


def _request_principal(text: str) -> dict[str, Any]:
    """`issuer/subject`."""
    issuer, slash, subject = text.rpartition("/")
    if not slash:
        return _claim(["iss"], text if text != "*" else "*")
    return {"and_ids": {"ids": [_claim(["iss"], issuer), _claim(["sub"], subject)]}}
