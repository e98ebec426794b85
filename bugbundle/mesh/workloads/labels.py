"""Label selectors, with the semantics of Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts, texts


def matches(wanted: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether the labels hold every wanted pair; nothing wanted matches everything."""
    return all(labels.get(key) == value for key, value in wanted.items())


def selector_matches(selector: Any, labels: Mapping[str, str]) -> bool:
    """A LabelSelector (`matchLabels`, `matchExpressions`); absent or empty matches everything.

    `NotIn` matches where the key is absent, as in Kubernetes; an unknown operator never matches.
    """
    spec = as_dict(selector)
    if not matches(texts(spec.get("matchLabels")), labels):
        return False
    return all(_expression(item, labels) for item in dicts(spec.get("matchExpressions")))


def _expression(item: dict[str, Any], labels: Mapping[str, str]) -> bool:
    key = as_text(item.get("key"))
    values = as_list(item.get("values"))
    match item.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False


def selector_text(wanted: Mapping[str, str]) -> str:
    """`app=web,tier=gold`: sorted, as Kubernetes writes a selector."""
    return ",".join(f"{key}={wanted[key]}" for key in sorted(wanted))


def workload_selector(spec: Mapping[str, Any], field: str = "selector") -> dict[str, str] | None:
    """The labels of a policy's `selector` (`matchLabels`) or `workloadSelector` (`labels`); None where absent."""
    found = spec.get(field)
    if not isinstance(found, dict):
        return None
    return texts(found.get("matchLabels") or found.get("labels"))
