"""Label selectors of Kubernetes objects. Source: apimachinery's labels.Selector and metav1.LabelSelector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bugbundle.mesh.kube import as_dict, as_text, dicts, texts


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
