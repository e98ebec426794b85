"""Label selectors of Kubernetes objects. Source: apimachinery's labels.Selector and metav1.LabelSelector."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from bugbundle.errors import UsageError
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts

_KEY = r"[A-Za-z0-9][A-Za-z0-9._/-]*"
_REQUIREMENT = re.compile(rf"(!?)\s*({_KEY})\s*(?:(==|=|!=)\s*([A-Za-z0-9._-]*))?")


def reads_as(text: str) -> Callable[[dict[str, str]], bool]:
    """The test that a selector of kubectl's `-l` makes of labels: `a=b`, `a==b`, `a!=b`, `a`, `!a`, with commas.

    Raises `UsageError` for any other form.
    """
    tests = []
    for part in filter(None, map(str.strip, text.split(","))):
        match = _REQUIREMENT.fullmatch(part)
        if match is None:
            raise UsageError(f"unable to parse requirement: {part!r}", todo="Write it as app=reviews,version!=v1")
        tests.append((match[1] == "!", match[2], match[3] or "", match[4] or ""))
    return lambda labels: all(_holds(labels, *each) for each in tests)


def _holds(labels: dict[str, str], absent: bool, key: str, mark: str, value: str) -> bool:
    if mark == "!=":
        return labels.get(key) != value
    return (labels.get(key) == value) if mark else (key in labels) != absent


def contains(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether every wanted label is there; an empty selector matches everything."""
    return all(labels.get(key) == value for key, value in wanted.items())


def matches(selector: Any, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector matches; null matches nothing, an empty one everything, an odd one nothing."""
    if not isinstance(selector, dict):
        return False
    wanted = texts(selector.get("matchLabels"))
    return contains(labels, wanted) and all(
        _expression(item, labels) for item in dicts(selector.get("matchExpressions"))
    )


def _expression(item: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator = as_text(item.get("key")), item.get("operator")
    values = item.get("values")
    listed = isinstance(values, list) and labels.get(key) in values
    if operator == "In":
        return key in labels and listed
    if operator == "NotIn":
        return key not in labels or not listed
    if operator == "Exists":
        return key in labels
    return operator == "DoesNotExist" and key not in labels


def is_never(selector: Any) -> bool:
    """Whether it is the selector with which istioctl deactivates a webhook."""
    wanted = as_dict(as_dict(selector).get("matchLabels"))
    return wanted == {"istio.io/deactivated": "never-match"} and not as_dict(selector).get("matchExpressions")
