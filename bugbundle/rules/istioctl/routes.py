"""Rules of a VirtualService that hide each other (istio, `pkg/config/validation/virtualservice.go`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts

ROUTES = ("http", "tcp", "tls")


def unreachable(rules: list[dict[str, Any]]) -> Iterator[tuple[int, str, str]]:
    """(number, name, reason) of the rules that nothing reaches."""
    caught = False
    seen: set[str] = set()
    for number, rule in enumerate(rules):
        name = rule_name(rule, number)
        found = dicts(rule.get("match"))
        if not found:
            if caught:
                yield number, name, "only the last rule can have no matches"
            caught = True
            continue
        if caught:
            yield number, name, "route without matches defined before"
            continue
        keys = [_key(match) for match in found]
        if all(key in seen for key in keys):
            yield number, name, "all matches used by prior rules"
        seen.update(keys)


def ineffective(kind: str, rules: list[dict[str, Any]]) -> Iterator[tuple[int, str, str, str]]:
    """(number, rule, match, the earlier one) of matches that an earlier one hides."""
    seen: dict[str, str] = {}
    prefixes: list[tuple[dict[str, Any], str]] = []
    for number, rule in enumerate(rules):
        name = rule_name(rule, number)
        for place, match in enumerate(dicts(rule.get("match"))):
            key = _key(match)
            if key in seen:
                yield number, name, rule_name(match, place), seen[key]
            else:
                seen[key] = name
            prefix = as_text(as_dict(match.get("uri")).get("prefix"))
            if kind != "http" or not prefix:
                continue
            shown = rule_name(match, place)
            for other, told in prefixes:
                before = as_text(as_dict(other.get("uri")).get("prefix"))
                if before != prefix and prefix.startswith(before) and _covers(other, match):
                    yield number, name, f"{shown} of prefix {prefix}", f"{told}"
            prefixes.append((match, f"{shown} of prefix {prefix} on {name}"))


def rule_name(rule: dict[str, Any], number: int) -> str:
    """`"name"`, or `#number`."""
    name = as_text(rule.get("name"))
    return f'"{name}"' if name else f"#{number}"


def _key(match: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in match.items() if k != "name"}, sort_keys=True, default=str)


def _covers(wide: dict[str, Any], narrow: dict[str, Any]) -> bool:
    if wide.get("port", 0) != narrow.get("port", 0):
        return False
    if not _text_covers(wide.get("method"), narrow.get("method"), {"exact": "GET"}):
        return False
    if not _text_covers(wide.get("authority"), narrow.get("authority"), {}):
        return False
    for field in ("headers", "queryParams", "withoutHeaders"):
        one, other = as_dict(wide.get(field)), as_dict(narrow.get(field))
        if one.keys() != other.keys() or not all(_text_covers(one[k], other[k], {}) for k in one):
            return False
    return True


def _text_covers(wide: Any, narrow: Any, default: dict[str, Any]) -> bool:
    one, other = as_dict(wide) or default, as_dict(narrow) or default
    if one == other:
        return True
    if not one or not other:
        return False
    return _shown(other).startswith(_shown(one))


def _shown(match: dict[str, Any]) -> str:
    return next((f"{kind}:{match[kind]}" for kind in ("exact", "prefix") if kind in match), "\0")
