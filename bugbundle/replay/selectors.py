"""Label and field selectors, with the API server's operators and its words for what it cannot parse.

Source: k8s.io/apimachinery/pkg/labels and pkg/fields; the fields that each kind offers are those of
`AddFieldLabelConversionFunc` in k8s.io/kubernetes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bugbundle.errors import UsageError
from bugbundle.mesh.selectors import parse_selector
from bugbundle.replay.shape import dig, mapping, objects, scalar, text
from bugbundle.replay.status import Refusal

Match = Callable[[Mapping[str, Any]], bool]

MAX_SELECTOR = 8192

_EVENT_OBJECT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
FIELDS: dict[tuple[str, str], frozenset[str]] = {
    ("", "pods"): frozenset(
        {
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        }
    ),
    ("", "events"): frozenset(
        {
            *(f"involvedObject.{name}" for name in _EVENT_OBJECT),
            "reason",
            "reportingComponent",
            "source",
            "type",
        }
    ),
    ("events.k8s.io", "events"): frozenset(
        {*(f"regarding.{name}" for name in _EVENT_OBJECT), "reason", "reportingController", "type"}
    ),
    ("", "nodes"): frozenset({"spec.unschedulable"}),
    ("", "namespaces"): frozenset({"status.phase"}),
    ("", "secrets"): frozenset({"type"}),
    ("", "services"): frozenset({"spec.clusterIP", "spec.type"}),
    ("", "replicationcontrollers"): frozenset({"status.replicas"}),
    ("apps", "replicasets"): frozenset({"status.replicas"}),
    ("batch", "jobs"): frozenset({"status.successful"}),
    ("certificates.k8s.io", "certificatesigningrequests"): frozenset({"spec.signerName"}),
}
_NUMBERS = frozenset({"status.replicas", "status.successful"})
_BOOLEANS = frozenset({"spec.unschedulable", "spec.hostNetwork"})


def label_selector(selector: str) -> Match | None:
    """A test of an object's labels; None where the selector is empty. `Refusal` 400 where it is none."""
    if len(selector) > MAX_SELECTOR:
        raise Refusal(400, "the label selector is too long")
    try:
        test = parse_selector(selector)
    except UsageError as error:
        raise Refusal(400, error.what) from None
    return (lambda obj: test(mapping(obj, "metadata", "labels"))) if selector.strip() else None


def field_selector(selector: str, group: str, plural: str, more: Iterable[str] = ()) -> Match | None:
    """A test of an object's fields; `more` are a CRD's selectable ones. `Refusal` 400 for any other field."""
    if len(selector) > MAX_SELECTOR:
        raise Refusal(400, "the field selector is too long")
    offered = FIELDS.get((group, plural), frozenset()) | {"metadata.name", "metadata.namespace", *more}
    tests = [_field(part, offered) for part in re.split(r"(?<!\\),", selector) if part]
    return (lambda obj: all(test(obj) for test in tests)) if tests else None


def _field(part: str, offered: frozenset[str]) -> Match:
    found = re.fullmatch(r"([^=!]*)(==|=|!=)(.*)", part, re.DOTALL)
    if not found:
        raise Refusal(400, f"invalid selector: {part[:80]!a}; can't understand {part[:80]!a}")
    name, negated = found[1], found[2] == "!="
    value = re.sub(r"\\([\\,=])", r"\1", found[3])
    if name not in offered:
        raise Refusal(400, f"field label not supported: {ascii(name[:80])[1:-1]}")
    return lambda obj: (_field_value(obj, name) == value) != negated


def _field_value(obj: Mapping[str, Any], name: str) -> str:
    """A field as the API server compares it: text, «false» and «0» where absent."""
    if name == "source":
        return text(obj, "source", "component") or text(obj, "reportingComponent")
    if name == "status.podIPs":
        return ",".join(text(item, "ip") for item in objects(obj, "status", "podIPs"))
    if name == "status.successful":
        return scalar(dig(obj, "status", "succeeded")) or "0"
    found = scalar(dig(obj, *name.split(".")))
    if not found and name in _NUMBERS:
        return "0"
    return "false" if not found and name in _BOOLEANS else found
