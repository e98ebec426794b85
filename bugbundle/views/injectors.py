"""`injector list`: which revision injects into each namespace, which its pods have, and the hooks.

Source: istioctl/pkg/injector/injector-list.go of 1.29. Where Go's maps have no order, rows are sorted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import Mesh
from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts, texts
from bugbundle.mesh.selectors import matches
from bugbundle.views.check_inject import INJECTION, WEBHOOKS
from bugbundle.views.describe_shared import revision_of
from bugbundle.views.table import Table, render

REVISION, INJECT = "istio.io/rev", "sidecar.istio.io/inject"
NOT_ISTIO = "<non-Istio>"
IGNORED = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
_HOOKS = ("rev.namespace.sidecar-injector.istio.io", "namespace.sidecar-injector.istio.io")


@dataclass(slots=True)
class Count:
    """The pods of one revision in a namespace."""

    pods: int = 0
    disabled: int = 0
    restart: int = 0

    def text(self, revision: str) -> str:
        """As in POD-REVISIONS."""
        if not self.pods:
            return "<no pods>"
        out = f"{revision}: {self.pods}"
        if self.disabled:
            out += f" (injection disabled: {self.disabled})"
        return f"{out} NEEDS RESTART: {self.restart}" if self.restart else out


def injector_list(mesh: Mesh, namespace: str = "", system: str = "istio-system") -> str:
    """Both tables."""
    spaces = sorted((n for n in mesh.kube.list("namespaces") if _listed(n, system)), key=lambda n: n.name)
    spaces = [space for space in spaces if space.name == namespace] or spaces
    hooks = [hook for hook in mesh.kube.list(WEBHOOKS) if hook.labels.get("app") == "sidecar-injector"]
    return _namespaces(mesh, spaces, hooks) + "\n" + _hooks(mesh, spaces, hooks)


def _listed(space: KubeObject, system: str) -> bool:
    """Neither a system namespace nor one in ambient mode."""
    if space.name in IGNORED or space.name == system:
        return False
    labels = space.labels
    sidecars = labels.get(INJECTION) == "enabled" or labels.get(REVISION)
    return bool(sidecars) or labels.get("istio.io/dataplane-mode") != "ambient"


def _namespaces(mesh: Mesh, spaces: list[KubeObject], hooks: list[KubeObject]) -> str:
    pods: dict[str, list[KubeObject]] = {}
    for pod in mesh.kube.list("pods"):
        pods.setdefault(pod.namespace, []).append(pod)
    rows: list[tuple[str, ...]] = []
    for space in spaces:
        revision = injected_revision(space, hooks)
        counts = _counts(pods.get(space.name, []), revision)
        if not counts and revision:
            counts[revision] = Count()
        rows.extend((space.name, revision, counts[each].text(each)) for each in _order(counts))
    if not rows:
        return "No Istio injected namespaces present.\n"
    return render(Table(("NAMESPACE", "ISTIO-REVISION", "POD-REVISIONS"), tuple(rows)))


def _order(counts: dict[str, Count]) -> list[str]:
    """By name, the uninjected last."""
    return sorted(counts, key=lambda revision: (revision == NOT_ISTIO, revision))


def injected_revision(space: KubeObject, hooks: list[KubeObject]) -> str:
    """The revision of the first hook that takes the namespace; `MISSING/x` where its label finds no hook."""
    for hook in hooks:
        selectors = (item.get("namespaceSelector") for item in dicts(hook.raw.get("webhooks")))
        if any(matches(selector, space.labels) for selector in selectors):
            return hook.labels.get(REVISION, "")
    wanted = space.labels.get(REVISION, "")
    if wanted:
        return f"MISSING/{wanted}"
    return "" if space.labels.get(INJECTION, "disabled") == "disabled" else f"MISSING/{INJECTION}"


def _counts(pods: list[KubeObject], expected: str) -> dict[str, Count]:
    found: dict[str, Count] = {}
    for pod in pods:
        revision = revision_of(pod)
        count = found.setdefault(revision or NOT_ISTIO, Count())
        count.pods += 1
        if pod.labels.get(INJECT, pod.annotations.get(INJECT, "")).lower() == "false":
            count.disabled += 1
        elif revision != expected:
            count.restart += 1
    return found


def _hooks(mesh: Mesh, spaces: list[KubeObject], hooks: list[KubeObject]) -> str:
    if not hooks:
        return "No Istio injection hooks present.\n"
    images = _images(mesh)
    rows = []
    for hook in sorted(hooks, key=lambda each: each.name):
        revision = hook.labels.get(REVISION, "")
        for name in _taken(hook, spaces) or ["DOES NOT AUTOINJECT"]:
            rows.append((name, hook.name, revision, images.get(revision, "")))
    return render(Table(("NAMESPACES", "INJECTOR-HOOK", "ISTIO-REVISION", "SIDECAR-IMAGE"), tuple(rows)))


def _taken(hook: KubeObject, spaces: list[KubeObject]) -> list[str]:
    """The namespaces that a hook takes by their labels, webhook by webhook."""
    found: dict[str, None] = {}
    for item in dicts(hook.raw.get("webhooks")):
        if item.get("name") in _HOOKS:
            selector = item.get("namespaceSelector")
            found.update((space.name, None) for space in spaces if matches(selector, space.labels))
    return list(found)


def _images(mesh: Mesh) -> dict[str, str]:
    """revision → the image that its injector puts in."""
    found: dict[str, str] = {}
    for config in mesh.kube.list("configmaps"):
        image = _image(texts(config.raw.get("data")).get("values", "")) if REVISION in config.labels else ""
        if image:
            found[config.labels[REVISION]] = image
    return found


def _image(values: str) -> str:
    try:
        settings: dict[str, Any] = as_dict(as_dict(decode(values.encode(), "values")).get("global"))
    except BugbundleError:
        return ""
    image = as_text(as_dict(settings.get("proxy")).get("image"))
    if "/" in image:
        return image
    return f"{as_text(settings.get('hub'))}/{image}:{settings.get('tag')}"
