"""Envoy's RBAC: is a request allowed, by which policy, and which condition on which value decided?

Sources: envoy/api config/rbac/v3/rbac.proto; source/extensions/filters/common/rbac/{matchers,engine_impl}.cc.
Policies are named by istiod `ns[NS]-policy[NAME]-rule[I]` (pilot/pkg/security/authz/model).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Ref
from bugbundle.trace.conditions import Condition, Subject, leaf
from bugbundle.trace.matchers import Unmodelled

_POLICY = re.compile(
    r"(?:istio-ext-authz-(?P<provider>.*?)-)?ns\[(?P<ns>.*?)\]-policy\[(?P<name>.*?)\]-rule\[(?P<rule>.*?)\]"
)


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


def owner(policy: str) -> tuple[Ref | None, str]:
    """(AuthorizationPolicy, number of its rule) by a policy's name; (None, "") for a name that istiod did not give."""
    match = _POLICY.search(policy)
    if match is None:
        return None, ""
    return Ref("AuthorizationPolicy", match["ns"], match["name"]), match["rule"]


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
            leaves += sorted((lines for _, lines in found), key=len)[0] if found else []
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
    found = leaf(rule, subject)
    return found.holds, [found]


def _inner(value: Any) -> list[dict[str, Any]]:
    return dicts(as_dict(value).get("rules")) or dicts(as_dict(value).get("ids"))


def _all(found: list[tuple[bool, list[Condition]]]) -> tuple[bool, list[Condition]]:
    bad = [line for good, lines in found if not good for line in lines]
    return (
        (False, bad) if bad or not all(good for good, _ in found) else (True, [x for _, lines in found for x in lines])
    )


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


def words(judgement: Judgement) -> Iterator[str]:
    """The decision in sentences."""
    made, rule = owner(judgement.policy)
    name = f"{made}, rule {rule}" if made else f"policy {judgement.policy}"
    if judgement.action == "DENY" and judgement.matched:
        yield f"{name} denies it: " + "; ".join(
            f"{one.what} {one.wanted or one.value}".strip() for one in judgement.conditions
        )
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
