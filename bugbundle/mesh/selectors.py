"""Label selectors of Kubernetes: as text (`-l`), as LabelSelector, as a plain map. The one place that reads them.

Source: apimachinery's labels.Parse, labels.Selector and metav1.LabelSelectorAsSelector.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bugbundle.errors import UsageError
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts, texts

Labels = Mapping[str, Any]
Test = Callable[[Labels], bool]

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_SET = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_COMPARE = re.compile(rf"({_KEY})\s*(==|=|!=|>|<)\s*({_VALUE})")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")
_INTEGER = re.compile(r"-?[0-9]{1,18}")


def parse_selector(text: str) -> Test:
    """The test that a selector makes of labels: `a=b`, `a!=b`, `a in (b,c)`, `a`, `!a`, `a>1`, and commas.

    Empty text matches everything. Raises `UsageError`, in the API server's words, for any other form.
    """
    tests = [_requirement(part) for part in _split(text)]
    return lambda labels: all(test(labels) for test in tests)


def _split(text: str) -> list[str]:
    """The requirements: between commas outside of parentheses."""
    parts, depth, start = [], 0, 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append(text[start:place])
            start = place + 1
    parts.append(text[start:])
    return [part.strip() for part in parts] if text.strip() else []


def _requirement(part: str) -> Test:
    if found := _SET.fullmatch(part):
        key, wanted = found[1], {value.strip() for value in found[3].split(",")}
        if found[2] == "in":
            return lambda labels: key in labels and labels[key] in wanted
        return lambda labels: key not in labels or labels[key] not in wanted
    if found := _COMPARE.fullmatch(part):
        return _compare(found[1], found[2], found[3])
    if found := _EXISTS.fullmatch(part):
        key, absent = found[2], bool(found[1])
        return lambda labels: (key in labels) != absent
    what = f"unable to parse requirement: found {part[:80]!a}, expected a label selector"
    raise UsageError(what, todo="Write it as app=reviews,version!=v1")


def _compare(key: str, sign: str, value: str) -> Test:
    if sign in ("=", "=="):
        return lambda labels: labels.get(key) == value
    if sign == "!=":
        return lambda labels: labels.get(key) != value
    if not _INTEGER.fullmatch(value):
        raise UsageError(f"for 'Gt', 'Lt' operators, the value must be an integer, not {value[:80]!a}")
    bound = int(value)
    return lambda labels: _beyond(labels.get(key), sign, bound)


def _beyond(found: Any, sign: str, bound: int) -> bool:
    if not isinstance(found, str) or not _INTEGER.fullmatch(found):
        return False
    return int(found) > bound if sign == ">" else int(found) < bound


def contains(labels: Labels, wanted: Mapping[str, str]) -> bool:
    """Whether the labels hold every wanted pair; nothing wanted matches everything."""
    return all(labels.get(key) == value for key, value in wanted.items())


def matches(selector: Any, labels: Labels, *, absent: bool = False) -> bool:
    """Whether a LabelSelector (`matchLabels`, `matchExpressions`) matches; an empty one matches everything.

    `absent` is what null, or what is no selector, comes to: nothing in general (metav1.LabelSelectorAsSelector),
    everything where the API's default is the empty selector (the selectors of a webhook).
    """
    if not isinstance(selector, dict):
        return absent
    wanted = contains(labels, texts(selector.get("matchLabels")))
    return wanted and all(_expression(item, labels) for item in dicts(selector.get("matchExpressions")))


def _expression(item: Mapping[str, Any], labels: Labels) -> bool:
    """One of `matchExpressions`. `NotIn` matches where the key is absent; an unknown operator never matches."""
    key = as_text(item.get("key"))
    listed = key in labels and labels[key] in as_list(item.get("values"))
    match item.get("operator"):
        case "In":
            return listed
        case "NotIn":
            return not listed
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def is_never(selector: Any) -> bool:
    """Whether it is the selector with which istioctl deactivates a webhook."""
    wanted = as_dict(as_dict(selector).get("matchLabels"))
    return wanted == {"istio.io/deactivated": "never-match"} and not as_dict(selector).get("matchExpressions")


def selector_text(wanted: Mapping[str, str]) -> str:
    """`app=web,tier=gold`: sorted, as Kubernetes writes a selector."""
    return ",".join(f"{key}={wanted[key]}" for key in sorted(wanted))


def workload_selector(spec: Mapping[str, Any], field: str = "selector") -> dict[str, str] | None:
    """The labels of a policy's `selector` (`matchLabels`) or `workloadSelector` (`labels`); None where absent."""
    found = spec.get(field)
    if not isinstance(found, dict):
        return None
    return texts(found.get("matchLabels") or found.get("labels"))
