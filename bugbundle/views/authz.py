"""`authz check`: the AuthorizationPolicies in a proxy's listeners.

Source: istioctl/pkg/authz/listener.go of 1.29: RBAC filters, HTTP and network, of the dynamic listeners.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.resources import Dump
from bugbundle.views.describe_envoy import HCM, body, get
from bugbundle.views.table import Table
from bugbundle.xds import Xds

HTTP, NETWORK = "envoy.filters.http.rbac", "envoy.filters.network.rbac"
ANONYMOUS = "_anonymous_match_nothing_"
ACTIONS = ("DENY", "ALLOW", "LOG", "CUSTOM")
_CUSTOM = "istio-ext-authz-"
_POLICY = re.compile(r"ns\[(.+)\]-policy\[(.+)\]-rule\[(.+)\]")
_NUMBERS = {0: "ALLOW", 1: "DENY", 2: "LOG", None: "ALLOW"}


def table(dump: Dump) -> Table:
    """ACTION AuthorizationPolicy RULES: how many distinct rules of each policy the proxy has."""
    actions: dict[str, set[str]] = {action: set() for action in ACTIONS}
    rules: dict[str, set[str]] = {}
    for resource in dump.resources(Xds.LDS, "dynamic_active"):
        for config in _filters(body(resource)):
            for action, policy, rule in _policies(config):
                actions.setdefault(action, set()).add(policy)
                rules.setdefault(policy, set()).add(rule)
    rows = tuple((action, policy, str(len(rules[policy]))) for action in ACTIONS for policy in sorted(actions[action]))
    return Table(("ACTION", "AuthorizationPolicy", "RULES"), rows, padding=3)


def _filters(listener: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The configurations of the RBAC filters of a listener."""
    for chain in dicts(get(listener, "filter_chains")):
        for item in dicts(get(chain, "filters")):
            config = as_dict(get(item, "typed_config"))
            if get(item, "name") == NETWORK:
                yield config
            elif as_text(config.get("@type")).endswith(HCM):
                for inner in dicts(get(config, "http_filters")):
                    if get(inner, "name") == HTTP:
                        yield as_dict(get(inner, "typed_config"))


def _policies(config: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(action, policy, rule) of one filter; the policies of an external authorizer are its shadow rules."""
    shadow = as_dict(get(get(config, "shadow_rules"), "policies"))
    custom = [name for name in shadow if name.startswith(_CUSTOM)]
    yield from (("CUSTOM", *_name(name)) for name in custom)
    rules = get(config, "rules")
    action = get(rules, "action")
    action = _NUMBERS.get(action, "") if action is None or isinstance(action, int) else as_text(action)
    policies = as_dict(get(rules, "policies"))
    yield from ((action, *_name(name)) for name in policies)
    if not policies:
        yield action, ANONYMOUS, "0"


def _name(key: str) -> tuple[str, str]:
    """(`name.namespace`, rule) of `ns[NS]-policy[NAME]-rule[I]`; both empty for another key."""
    match = _POLICY.search(key)
    return (f"{match[2]}.{match[1]}", match[3]) if match else ("", "")
