"""Envoy's RBAC: is a request allowed, by which policy, and which condition on which value decided?

Sources: envoy/api config/rbac/v3/rbac.proto; source/extensions/filters/common/rbac/{matchers,engine_impl}.cc.
Policies are named by istiod `ns[NS]-policy[NAME]-rule[I]` (pilot/pkg/security/authz/model).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.trace.connection import Connection
from bugbundle.trace.matchers import (
    Headers,
    Unmodelled,
    cidr,
    describe_header,
    describe_string,
    header_matches,
    holds,
    string_matches,
)
from bugbundle.trace.model import Object

_POLICY = re.compile(r"(?:istio-ext-authz-(?P<provider>.*?)-)?ns\[(?P<ns>.*?)\]-policy\[(?P<name>.*?)\]-rule\[(?P<rule>.*?)\]")


@dataclass(slots=True)
class Subject:
    """What is judged: a connection, the request on it where there is one, and metadata that filters left."""

    connection: Connection
    headers: Headers | None = None
    remote_ip: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


class Condition(NamedTuple):
    """One leaf of a policy: what it asks for and what the request has."""

    what: str
    wanted: str
    value: str
    holds: bool

    def __str__(self) -> str:
        """In words: `principal cluster.local/ns/shop/sa/web; the request has …`."""
        return f"{self.what} {self.wanted}; this request has {self.value or 'none'}"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`policy` is the one that decided, else the nearest; `missing` its conditions that do not hold."""

    allowed: bool
    action: str
    policy: str = ""
    conditions: tuple[Condition, ...] = ()
    matched: bool = False


def judge(rules: dict[str, Any], subject: Subject) -> Judgement:
    """RoleBasedAccessControlEngineImpl::handleAction: the first policy by name that fits decides."""
    action = as_text(rules.get("action")) or "ALLOW"
    policies = as_dict(rules.get("policies"))
    nearest: tuple[str, list[Condition]] | None = None
    for name in sorted(policies):
        fits, leaves = _policy(as_dict(policies[name]), subject)
        if fits:
            return Judgement(action != "DENY", action, name, tuple(one for one in leaves if one.holds), True)
        if nearest is None or len(leaves) < len(nearest[1]):
            nearest = (name, leaves)
    allowed = action != "ALLOW"
    if nearest is None:
        return Judgement(allowed, action)
    return Judgement(allowed, action, nearest[0], tuple(one for one in nearest[1] if not one.holds))


def owner(policy: str) -> tuple[Object | None, str]:
    """(AuthorizationPolicy, number of its rule) by a policy's name; (None, "") for a name that istiod did not give."""
    match = _POLICY.search(policy)
    if match is None:
        return None, ""
    return Object("AuthorizationPolicy", match["ns"], match["name"]), match["rule"]


def policies_of(rules: dict[str, Any]) -> list[str]:
    """The AuthorizationPolicies in a filter, `Kind ns/name`, each once."""
    found = (owner(name)[0] for name in sorted(as_dict(rules.get("policies"))))
    return list(dict.fromkeys(str(one) for one in found if one is not None))


def _policy(policy: dict[str, Any], subject: Subject) -> tuple[bool, list[Condition]]:
    """(whether it fits, its leaves: those that held where it fits, those that did not where not)."""
    if policy.get("condition") or policy.get("checked_condition"):
        raise Unmodelled("an RBAC policy with a CEL condition")
    leaves: list[Condition] = []
    fits = True
    for part in ("permissions", "principals"):
        found = [_rule(one, subject) for one in dicts(policy.get(part))]
        good = [lines for holds_, lines in found if holds_]
        if good:
            leaves += good[0]
        else:
            fits = False
            leaves += min((lines for _, lines in found), key=len, default=[])
    return fits, [one for one in leaves if one.holds == fits] or leaves


_AND, _OR = ("and_rules", "and_ids"), ("or_rules", "or_ids")


def _rule(rule: dict[str, Any], subject: Subject) -> tuple[bool, list[Condition]]:
    """A Permission or Principal: whether it holds, and the leaves that say why."""
    for kind in _AND:
        if kind in rule:
            return _all([_rule(one, subject) for one in _inner(rule[kind])])
    for kind in _OR:
        if kind in rule:
            return _any([_rule(one, subject) for one in _inner(rule[kind])])
    for kind in ("not_rule", "not_id"):
        if kind in rule:
            good, leaves = _rule(as_dict(rule[kind]), subject)
            return not good, [one._replace(what=f"not {one.what}", holds=not good) for one in leaves]
    leaf = _leaf(rule, subject)
    return leaf.holds, [leaf]


def _inner(value: Any) -> list[dict[str, Any]]:
    return dicts(as_dict(value).get("rules")) or dicts(as_dict(value).get("ids"))


def _all(found: list[tuple[bool, list[Condition]]]) -> tuple[bool, list[Condition]]:
    bad = [line for good, lines in found if not good for line in lines]
    return (False, bad) if bad or not all(good for good, _ in found) else (True, [x for _, lines in found for x in lines])


def _any(found: list[tuple[bool, list[Condition]]]) -> tuple[bool, list[Condition]]:
    for good, lines in found:
        if good:
            return True, lines
    joined = [line for _, lines in found for line in lines]
    return False, _merged(joined)


def _merged(lines: list[Condition]) -> list[Condition]:
    """Alternatives of one kind as one line: `method GET or HEAD`."""
    by: dict[tuple[str, str], Condition] = {}
    for line in lines:
        key = (line.what, line.value)
        by[key] = by[key]._replace(wanted=f"{by[key].wanted} or {line.wanted}") if key in by else line
    return list(by.values())


def _leaf(rule: dict[str, Any], subject: Subject) -> Condition:
    kind = next((kind for kind in _LEAVES if kind in rule), "")
    if not kind:
        raise Unmodelled(f"the RBAC condition {next(iter(rule), 'without a kind')}")
    return _LEAVES[kind](rule[kind], subject)


def _always(value: Any, subject: Subject) -> Condition:
    return Condition("any", "", "", bool(value))


def _header(value: Any, subject: Subject) -> Condition:
    matcher = as_dict(value)
    name = as_text(matcher.get("name"))
    here = subject.headers.get(name) if subject.headers else None
    good = subject.headers is not None and header_matches(matcher, subject.headers)
    word = {":method": "method", ":authority": "host", ":path": "path"}.get(name, f"header {name}")
    return Condition(word, describe_header(matcher).partition(": ")[2] or describe_header(matcher), here or "", good)


def _url_path(value: Any, subject: Subject) -> Condition:
    """Without query and fragment (Matchers::PathMatcher)."""
    here = subject.headers.get(":path") if subject.headers else None
    path = re.split(r"[?#]", here)[0] if here is not None else ""
    matcher = as_dict(as_dict(value).get("path"))
    return Condition("path", describe_string(matcher), path, here is not None and string_matches(matcher, path))


def _address(what: str, value: Any, address: str) -> Condition:
    block = cidr(value)
    return Condition(what, str(block), address, holds(block, address))


def _destination_ip(value: Any, subject: Subject) -> Condition:
    return _address("destination address", value, subject.connection.destination_ip)


def _source_ip(value: Any, subject: Subject) -> Condition:
    return _address("source address", value, subject.connection.source_ip)


def _direct_ip(value: Any, subject: Subject) -> Condition:
    return _address("source address", value, subject.connection.direct_ip or subject.connection.source_ip)


def _remote_ip(value: Any, subject: Subject) -> Condition:
    return _address("client address", value, subject.remote_ip or subject.connection.source_ip)


def _port(value: Any, subject: Subject) -> Condition:
    here = subject.connection.destination_port
    return Condition("port", str(value), str(here), value == here)


def _port_range(value: Any, subject: Subject) -> Condition:
    start, end = as_dict(value).get("start", 0), as_dict(value).get("end", 0)
    here = subject.connection.destination_port
    return Condition("port", f"{start} to {end - 1}", str(here), start <= here < end)


def _server_name(value: Any, subject: Subject) -> Condition:
    here = subject.connection.sni if subject.connection.tls else ""
    return Condition("server name", describe_string(as_dict(value)), here, string_matches(as_dict(value), here))


def _authenticated(value: Any, subject: Subject) -> Condition:
    """Any name of the client's certificate; without a name, any client that speaks TLS."""
    names = subject.connection.principals
    matcher = as_dict(value).get("principal_name")
    if not isinstance(matcher, dict):
        return Condition("mTLS", "required", "TLS" if subject.connection.tls else "plain text", subject.connection.tls)
    good = subject.connection.tls and any(string_matches(matcher, one) for one in names or ("",))
    shown = ", ".join(one.removeprefix("spiffe://") for one in names)
    return Condition("principal", _plain(describe_string(matcher)), shown or "no certificate", good)


def _plain(text: str) -> str:
    """istiod's patterns of principals as they are written in a policy."""
    if match := re.fullmatch(r"~\.\*/ns/(.+)/\.\*", text):
        return f"namespace {match[1]}"
    return text.removeprefix("spiffe://")


def _metadata(value: Any, subject: Subject) -> Condition:
    """envoy.type.matcher.v3.MetadataMatcher, on what filters before left (JWT claims)."""
    matcher = as_dict(value)
    path = [as_text(one.get("key")) for one in dicts(matcher.get("path"))]
    here: Any = subject.metadata.get(as_text(matcher.get("filter")))
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    good = value_matches(as_dict(matcher.get("value")), here) != bool(matcher.get("invert"))
    return Condition(f"claim {'.'.join(path[1:] or path)}", _describe_value(as_dict(matcher.get("value"))), _shown(here), good)


def value_matches(matcher: dict[str, Any], value: Any) -> bool:
    """envoy.type.matcher.v3.ValueMatcher; a value that is absent matches only `null_match` and `present_match: false`."""
    if "string_match" in matcher:
        return isinstance(value, str) and string_matches(as_dict(matcher["string_match"]), value)
    if "list_match" in matcher:
        one = as_dict(as_dict(matcher["list_match"]).get("one_of"))
        return isinstance(value, list) and any(value_matches(one, item) for item in value)
    if "or_match" in matcher:
        return any(value_matches(one, value) for one in dicts(as_dict(matcher["or_match"]).get("value_matchers")))
    if "present_match" in matcher:
        return (value is not None) == bool(matcher["present_match"])
    if "bool_match" in matcher:
        return isinstance(value, bool) and value == matcher["bool_match"]
    if "double_match" in matcher:
        wanted = as_dict(matcher["double_match"])
        number = isinstance(value, int | float) and not isinstance(value, bool)
        span = as_dict(wanted.get("range"))
        return number and (value == wanted.get("exact") if "exact" in wanted else span.get("start", 0) <= value < span.get("end", 0))
    return value is None


def _describe_value(matcher: dict[str, Any]) -> str:
    if "string_match" in matcher:
        return describe_string(as_dict(matcher["string_match"]))
    if "list_match" in matcher:
        return _describe_value(as_dict(as_dict(matcher["list_match"]).get("one_of")))
    if "or_match" in matcher:
        return " or ".join(map(_describe_value, dicts(as_dict(matcher["or_match"]).get("value_matchers"))))
    return "present" if matcher.get("present_match") else "a value"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)


def _filter_state(value: Any, subject: Subject) -> Condition:
    """Filter state that a listener before passed on: of waypoints `io.istio.peer_principal`."""
    matcher = as_dict(value)
    key = as_text(matcher.get("key"))
    here = subject.connection.state.get(key)
    wanted = as_dict(matcher.get("string_match"))
    if "address_match" in matcher:
        good = here is not None and any(holds(cidr(x), here) for x in as_list(as_dict(matcher["address_match"]).get("ranges")))
        return Condition(key, "address", here or "", good)
    word = "principal" if key == "io.istio.peer_principal" else key
    good = here is not None and string_matches(wanted, here)
    shown = (here or "").removeprefix("spiffe://")
    return Condition(word, _plain(describe_string(wanted)), shown, good)


_LEAVES = {
    "any": _always, "header": _header, "url_path": _url_path, "destination_ip": _destination_ip,
    "destination_port": _port, "destination_port_range": _port_range, "requested_server_name": _server_name,
    "metadata": _metadata, "authenticated": _authenticated, "source_ip": _source_ip, "direct_remote_ip": _direct_ip,
    "remote_ip": _remote_ip, "filter_state": _filter_state,
}  # fmt: skip


def words(judgement: Judgement) -> Iterator[str]:
    """The decision in sentences."""
    made, rule = owner(judgement.policy)
    name = f"{made}, rule {rule}" if made else f"policy {judgement.policy}"
    if judgement.action == "DENY" and judgement.matched:
        yield f"{name} denies it: " + "; ".join(f"{one.what} {one.wanted or one.value}".strip() for one in judgement.conditions)
    elif judgement.action == "ALLOW" and not judgement.allowed:
        if not judgement.policy:
            yield "no rule of any ALLOW policy: nothing is allowed"
            return
        yield "no ALLOW policy fits"
        yield f"nearest is {name}, which asks for " + "; and for ".join(map(str, judgement.conditions))
    elif judgement.matched:
        yield f"{name} allows it"
    else:
        yield "no DENY policy fits"
