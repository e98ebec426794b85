"""The generic matcher of xDS: lists and trees of predicates that choose an action.

Sources: xds/type/matcher/v3/matcher.proto, xds/type/matcher/v3/ip.proto; envoy source/common/matcher/matcher.h,
source/extensions/matching/network/common/inputs.h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.trace.matchers import Unmodelled, cidr, holds, string_matches
from bugbundle.xds.kinds import short_url

Inputs = Callable[[str, dict[str, Any]], str | None]
"""(message of an input, its configuration) → the value; None where there is none. Raises `Unmodelled`."""


def choose(matcher: dict[str, Any], inputs: Inputs) -> dict[str, Any] | None:
    """The action (TypedExtensionConfig) that a Matcher chooses; None where nothing matches."""
    if "matcher_list" in matcher:
        for item in dicts(as_dict(matcher["matcher_list"]).get("matchers")):
            if _predicate(as_dict(item.get("predicate")), inputs):
                found = _on(as_dict(item.get("on_match")), inputs)
                if found is not None:
                    return found
        return _on(as_dict(matcher.get("on_no_match")), inputs)
    found = _tree(as_dict(matcher.get("matcher_tree")), inputs) if "matcher_tree" in matcher else None
    return found if found is not None else _on(as_dict(matcher.get("on_no_match")), inputs)


def _on(match: dict[str, Any], inputs: Inputs) -> dict[str, Any] | None:
    if "matcher" in match:
        return choose(as_dict(match["matcher"]), inputs)
    return as_dict(match["action"]) if "action" in match else None


def _tree(tree: dict[str, Any], inputs: Inputs) -> dict[str, Any] | None:
    value = _value(as_dict(tree.get("input")), inputs)
    if value is None:
        return None
    if "exact_match_map" in tree:
        found = as_dict(as_dict(tree["exact_match_map"]).get("map")).get(value)
        return _on(as_dict(found), inputs) if found is not None else None
    if "prefix_match_map" in tree:
        table = as_dict(as_dict(tree["prefix_match_map"]).get("map"))
        best = max((key for key in table if value.startswith(key)), key=len, default=None)
        return _on(as_dict(table[best]), inputs) if best is not None else None
    return _by_address(as_dict(as_dict(tree.get("custom_match")).get("typed_config")), value, inputs)


def _by_address(custom: dict[str, Any], value: str, inputs: Inputs) -> dict[str, Any] | None:
    """IPMatcher: the narrowest range first; a wider one where that chooses nothing, unless it is exclusive."""
    if not as_text(custom.get("@type")).endswith(".IPMatcher"):
        raise Unmodelled(f"the matcher {custom.get('@type')}")
    fits: list[tuple[int, int, dict[str, Any]]] = []
    for number, item in enumerate(dicts(custom.get("range_matchers"))):
        for one in dicts(item.get("ranges")):
            block = cidr(one)
            if block is not None and holds(block, value):
                fits.append((-block.prefixlen, number, item))
    for _, _, item in sorted(fits, key=lambda fit: fit[:2]):
        found = _on(as_dict(item.get("on_match")), inputs)
        if found is not None or item.get("exclusive"):
            return found
    return None


def _predicate(predicate: dict[str, Any], inputs: Inputs) -> bool:
    if "or_matcher" in predicate:
        return any(_predicate(one, inputs) for one in dicts(as_dict(predicate["or_matcher"]).get("predicate")))
    if "and_matcher" in predicate:
        return all(_predicate(one, inputs) for one in dicts(as_dict(predicate["and_matcher"]).get("predicate")))
    if "not_matcher" in predicate:
        return not _predicate(as_dict(predicate["not_matcher"]), inputs)
    single = as_dict(predicate.get("single_predicate"))
    value = _value(as_dict(single.get("input")), inputs)
    if "value_match" in single:
        return value is not None and string_matches(as_dict(single["value_match"]), value)
    raise Unmodelled(f"the matcher {as_dict(single.get('custom_match')).get('name')}")


def _value(item: dict[str, Any], inputs: Inputs) -> str | None:
    config = as_dict(item.get("typed_config"))
    return inputs(short_url(as_text(config.get("@type"))), config)
