"""`proxy-config listener --waypoint`: the chains of a waypoint and what leads to each, by the matcher tree."""

from __future__ import annotations

from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.views import gosort
from bugbundle.views.proxy_config.dump import ConfigDump, get, number, path, text
from bugbundle.views.proxy_config.listener import (
    chain_match,
    destination,
    filter_chains,
    listeners,
    main_address,
    port,
    type_of,
)
from bugbundle.views.table import Table

_IP_MATCHER = "xds.type.matcher.v3.IPMatcher"
_DEEP = 50


def summary(dump: ConfigDump) -> Table:
    """One row per chain and way to it. Ways from one map are sorted, which Go leaves to chance."""
    rows = []
    for listener in gosort.sort_slice(listeners(dump), _less):
        chains = filter_chains(listener)
        name = f"envoy://{as_text(get(listener, 'name'))}"
        if _internal(listener) and len(chains) == 1 and get(chains[0], "name") == name:
            name = "internal"
        for chain in chains:
            head = (name, as_text(get(chain, "name")))
            rows += [(*head, match, destination(chain)) for match in _matches(chain, listener)]
    return Table(("LISTENER", "CHAIN", "MATCH", "DESTINATION"), tuple(rows), padding=1)


def _internal(listener: dict[str, Any]) -> bool:
    return isinstance(get(listener, "internal_listener"), dict)


def _less(a: dict[str, Any], b: dict[str, Any]) -> bool:
    if _internal(a) and _internal(b):
        return as_text(get(a, "name")) < as_text(get(b, "name"))
    return (port(a), main_address(a), type_of(a)) < (port(b), main_address(b), type_of(b))


def _matches(chain: dict[str, Any], listener: dict[str, Any]) -> list[str]:
    matcher = get(listener, "filter_chain_matcher")
    if not isinstance(matcher, dict):
        return [chain_match(get(chain, "filter_chain_match"))]
    name = as_text(get(chain, "name"))
    otherwise = get(matcher, "on_no_match")
    if text(otherwise, "action", "name") == name and isinstance(get(otherwise, "action"), dict):
        return ["UNMATCHED"]
    inner = get(otherwise, "matcher")
    found = _ways(name, inner if isinstance(inner, dict) else matcher, 0)
    return found or ["NONE"]


def _ways(name: str, matcher: Any, depth: int) -> list[str]:
    """The ways to a chain; empty where no way leads there."""
    if depth > _DEEP:
        return []
    otherwise = get(matcher, "on_no_match")
    if isinstance(get(otherwise, "action"), dict) and text(otherwise, "action", "name") == name:
        return ["ANY"]
    if isinstance(get(otherwise, "matcher"), dict):
        return _ways(name, get(otherwise, "matcher"), depth + 1) or ["NONE"]
    tree = get(matcher, "matcher_tree")
    key = text(tree, "input", "name")
    sign, branches = _branches(tree)
    found = []
    for value, branch in sorted(branches.items()):
        if isinstance(get(branch, "matcher"), dict):
            deeper = _ways(name, get(branch, "matcher"), depth + 1)
            found += [f"{key}{sign}{value} -> {way}" for way in deeper]
        elif text(branch, "action", "name") == name:
            found.append(f"{key}{sign}{value}")
    return found


def _branches(tree: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(get(tree, "prefix_match_map"), dict):
        return "^", as_dict(path(tree, "prefix_match_map", "map"))
    typed = path(tree, "custom_match", "typed_config")
    if as_text(get(typed, "@type")).endswith(_IP_MATCHER):
        return "=", {
            _cidr(one): get(row, "on_match")
            for row in dicts(get(typed, "range_matchers"))
            for one in dicts(get(row, "ranges"))
        }
    return "=", as_dict(path(tree, "exact_match_map", "map"))


def _cidr(one: dict[str, Any]) -> str:
    bits = number(one, "prefix_len")
    return text(one, "address_prefix") + ("" if bits in (32, 128) else f"/{bits}")
