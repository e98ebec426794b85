"""`check-inject`: which injection webhook takes a pod, and why.

Source: istioctl/pkg/checkinject/checkinject.go and istioctl/pkg/writer/table of 1.29: widths count the escape codes of
colours, which istioctl writes into pipes too. It looks at labels only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts, texts
from bugbundle.mesh.selectors import is_never, matches

WEBHOOKS = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
INJECTION = "istio-injection"
YES, NO = "\x1b[32m\u2714\x1b[0m", "\x1b[31m\u2718\x1b[0m"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one webhook configuration does with a pod."""

    name: str
    revision: str
    injected: bool
    reason: str


def verdicts(mesh: Mesh, pod: Mapping[str, str], namespace: Mapping[str, str]) -> list[Verdict]:
    """Every Istio webhook configuration's answer to the labels of a pod and its namespace, by name."""
    found = []
    for item in mesh.kube.list(WEBHOOKS):
        hooks = dicts(item.raw.get("webhooks"))
        if any(as_text(hook.get("name")).endswith("istio.io") for hook in hooks):
            injected, reason = _judge(hooks, pod, namespace)
            found.append(Verdict(item.name, item.labels.get("istio.io/rev", ""), injected, reason))
    return sorted(found, key=lambda verdict: verdict.name)


def _judge(hooks: list[dict[str, Any]], pod: Mapping[str, str], namespace: Mapping[str, str]) -> tuple[bool, str]:
    for hook in hooks:
        answer = _hook(hook, pod, namespace)
        if answer is not None:
            return answer
    if any(is_never(hook.get("namespaceSelector")) and is_never(hook.get("objectSelector")) for hook in hooks):
        return False, "The injection webhook is deactivated, and will never match labels."
    wanted = (
        ", ".join(pair for hook in hooks for pair in _wanted(hook.get(selector)))
        for selector in ("namespaceSelector", "objectSelector")
    )
    return False, "No matching namespace labels ({}) or pod labels ({})".format(*wanted)


def _hook(hook: dict[str, Any], pod: Mapping[str, str], namespace: Mapping[str, str]) -> tuple[bool, str] | None:
    """One webhook's answer; None where it leaves the matter to the next."""
    of_namespace, of_pod = hook.get("namespaceSelector"), hook.get("objectSelector")
    by_namespace = of_namespace is None or matches(of_namespace, namespace)
    by_pod = of_pod is None or matches(of_pod, pod)
    if by_namespace and by_pod:
        space, own = _label(of_namespace, namespace), _label(of_pod, pod)
        if space and own:
            return True, f"Namespace label {space} matches, and pod label {own} matches"
        if space:
            every = "kubernetes.io/metadata.name" in space
            more = " (Automatic injection is enabled in all namespaces)." if every else ""
            return True, f"Namespace label {space} matches{more}"
        return (True, f"Pod label {own} matches") if own else None
    if by_namespace:
        prevented = _prevented(of_pod, pod)
        return (False, f"Pod has {prevented} label, preventing injection") if prevented else None
    if by_pod and namespace.get(INJECTION, "enabled") != "enabled":
        return False, f"Namespace has {INJECTION}={namespace[INJECTION]} label, preventing injection"
    return None


def _label(selector: Any, labels: Mapping[str, str]) -> str:
    """The first label that an In or NotIn asks about, as `key=value`; empty without one."""
    for item in dicts(as_dict(selector).get("matchExpressions")):
        key = as_text(item.get("key"))
        if item.get("operator") in ("In", "NotIn") and key in labels:
            return f"{key}={labels[key]}"
    return ""


def _prevented(selector: Any, labels: Mapping[str, str]) -> str:
    """The label because of which a selector says no, as `key=value`; empty without one."""
    for item in dicts(as_dict(selector).get("matchExpressions")):
        key, values = as_text(item.get("key")), item.get("values")
        if key not in labels:
            continue
        listed = isinstance(values, list) and labels[key] in values
        if item.get("operator") == "DoesNotExist" or (item.get("operator") == "NotIn" and listed):
            return f"{key}={labels[key]}"
    return ""


def _wanted(selector: Any) -> list[str]:
    """Every `key=value` that an In asks for."""
    return [
        f"{item.get('key')}={value}"
        for item in dicts(as_dict(selector).get("matchExpressions"))
        if item.get("operator") == "In" and isinstance(item.get("values"), list)
        for value in item["values"]
    ]


def text(found: list[Verdict]) -> str:
    """What istioctl prints."""
    if not found:
        return "ERROR: no Istio injection hooks present.\n"
    rows = [("WEBHOOK", "REVISION", "INJECTED", "REASON")]
    rows += [(each.name, each.revision, YES if each.injected else NO, each.reason) for each in found]
    widths = [max(len(row[column].encode()) for row in rows) for column in range(3)]
    lines = [_line(row, widths) for row in rows]
    if sum(each.injected for each in found) > 1:
        lines.append("ERROR: multiple webhooks will inject, which can lead to errors")
    return "".join(lines)


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    """Columns are as wide as their bytes with escape codes; a cell is padded by its letters without."""
    cells = [cell + " " * (width - _letters(cell) + 2) for cell, width in zip(row, widths, strict=False)]
    return "".join(cells) + row[-1] + "\n"


def _letters(cell: str) -> int:
    return 1 if cell in (YES, NO) else len(cell)


def namespace_labels(mesh: Mesh, name: str) -> dict[str, str] | None:
    """The labels of a namespace; None where it was not recorded."""
    found: KubeObject | None = mesh.kube.get("namespaces", "", name)
    return texts(found.metadata.get("labels")) if found else None
