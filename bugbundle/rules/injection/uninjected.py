"""Pods that should carry a sidecar and do not, and why."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.injection import (
    INJECT,
    INJECTION,
    REVISION,
    Webhook,
    asks_for_injection,
    takers,
    webhooks,
    wish,
)
from bugbundle.mesh.kube import as_dict, dicts
from bugbundle.mesh.workloads.index import alive, captured, index, proxied


class Miss(NamedTuple):
    """A pod without sidecar that a webhook takes, by its labels and those of its namespace."""

    pod: KubeObject
    namespace: KubeObject
    hook: Webhook


def misses(mesh: Mesh) -> Iterator[Miss]:
    """Every living pod that would be injected if it were made now, and was not."""
    hooks = webhooks(mesh)
    for pod, space in plain_pods(mesh):
        if wish(pod.labels, pod.annotations) == "false" or pod.spec.get("hostNetwork") is True:
            continue
        found = takers(hooks, space.labels, pod.labels)
        if found and pod.labels.get("app") not in ("istiod", "ztunnel", "istio-cni-node"):
            yield Miss(pod, space, found[0])


def plain_pods(mesh: Mesh) -> Iterator[tuple[KubeObject, KubeObject]]:
    """(pod, namespace) of living pods outside of the mesh that ask for injection, themselves or by their namespace."""
    known = index(mesh)
    for name, space in known.namespaces.items():
        if name in SYSTEM_NAMESPACES:
            continue
        asked = asks_for_injection(space.labels)
        for pod in known.pods_in.get(name, []):
            if not asked and pod.labels.get(INJECT) != "true":
                continue
            if alive(pod) and not proxied(pod) and not captured(pod):
                yield pod, space


def reason(miss: Miss) -> str:
    """Why a pod was missed, as far as times tell."""
    born = miss.pod.created
    labelled = _labelled_at(miss.namespace)
    made = miss.hook.config.created
    if born and labelled and labelled > born:
        return "it is older than the namespace's label"
    if born and made and made > born:
        return f"it is older than the webhook {miss.hook.config.name}"
    if miss.hook.raw.get("failurePolicy") == "Ignore":
        return f"the webhook {miss.hook.config.name} ignores its failures"
    return "the webhook was not called or did not answer when it was made"


def _labelled_at(space: KubeObject) -> datetime | None:
    """When the injection label was last written, by `managedFields`."""
    times = []
    for entry in dicts(space.metadata.get("managedFields")):
        labels = as_dict(as_dict(as_dict(entry.get("fieldsV1")).get("f:metadata")).get("f:labels"))
        if f"f:{INJECTION}" in labels or f"f:{REVISION}" in labels:
            times.append(parse_time(entry.get("time")))
    return max((time for time in times if time), default=None)
