"""Injection: which webhook would take a pod, and what namespaces and pods ask for.

Labels decide as the webhooks of Istio's charts select; where webhooks were recorded, all are judged together (with the
default tag set, `istio-sidecar-injector` never matches and `istio-revision-tag-default` injects).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES, analysed
from bugbundle.mesh.config.meshconfig import injection_values
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.selectors import matches

INJECTION = "istio-injection"
REVISION = "istio.io/rev"
INJECT = "sidecar.istio.io/inject"
MODE = "istio.io/dataplane-mode"


def enabled_by_default(mesh: Mesh) -> bool:
    """Whether Istio was installed with `enableNamespacesByDefault`."""
    webhook = as_dict(injection_values(mesh).get("sidecarInjectorWebhook"))
    return webhook.get("enableNamespacesByDefault") is True


def ambient_namespace(labels: Mapping[str, str]) -> bool:
    """Labelled for ambient, and not for sidecars (which win)."""
    return labels.get(MODE) == "ambient" and labels.get(INJECTION) != "enabled" and not labels.get(REVISION)


def unlabelled_namespaces(mesh: Mesh, *, system: bool = False) -> list[KubeObject]:
    """Namespaces that say nothing about injection, without istio-system and, but for `system`, those of Kubernetes."""
    return [
        space
        for space in analysed(mesh, res.NAMESPACE)
        if (system or space.name not in SYSTEM_NAMESPACES)
        and space.name != "istio-system"
        and not space.labels.get(INJECTION)
        and REVISION not in space.labels
        and not ambient_namespace(space.labels)
    ]


def wish(pod_labels: Mapping[str, str], annotations: Mapping[str, str]) -> str:
    """What a pod itself says about injection: `true`, `false`, or empty."""
    return pod_labels.get(INJECT, annotations.get(INJECT, "")).lower()


@dataclass(frozen=True, slots=True)
class Webhook:
    """One injection webhook: its configuration, its place in it, and what it says."""

    config: KubeObject
    number: int
    raw: dict[str, Any]

    @property
    def name(self) -> str:
        """`rev.namespace.sidecar-injector.istio.io`."""
        return as_text(self.raw.get("name"))

    @property
    def place(self) -> str:
        """Its JSON pointer inside the configuration."""
        return f"/webhooks/{self.number}"

    @property
    def client(self) -> dict[str, Any]:
        """`.clientConfig`."""
        return as_dict(self.raw.get("clientConfig"))

    @property
    def service(self) -> tuple[str, str] | None:
        """(namespace, name) of the Service that it calls; None where it calls a URL."""
        found = as_dict(self.client.get("service"))
        return (as_text(found.get("namespace")), as_text(found.get("name"))) if found else None

    @property
    def active(self) -> bool:
        """Whether it can match anything: a deactivated one asks for a label that nobody has."""
        selectors = (self.raw.get("namespaceSelector"), self.raw.get("objectSelector"))
        return not any("istio.io/deactivated" in texts(as_dict(s).get("matchLabels")) for s in selectors)

    def takes(self, namespace: Mapping[str, str], pod: Mapping[str, str]) -> bool:
        """Whether it is called for a pod with these labels in a namespace with those."""
        inside = matches(self.raw.get("namespaceSelector"), namespace, absent=True)
        return inside and matches(self.raw.get("objectSelector"), pod, absent=True)

    def revisions(self) -> set[str]:
        """The values of `istio.io/rev` that its selectors ask for."""
        found: set[str] = set()
        for field in ("namespaceSelector", "objectSelector"):
            selector = as_dict(self.raw.get(field))
            found.update(v for k, v in texts(selector.get("matchLabels")).items() if k == REVISION)
            for item in dicts(selector.get("matchExpressions")):
                if item.get("key") == REVISION and item.get("operator") == "In":
                    values = item.get("values")
                    found.update(v for v in (values if isinstance(values, list) else []) if isinstance(v, str))
        return found


def webhooks(mesh: Mesh) -> list[Webhook]:
    """Every webhook that injects sidecars: named `….istio.io` and for pods, of every configuration."""
    found: list[Webhook] = []
    for config in mesh.kube.list(res.MUTATING):
        for number, raw in enumerate(dicts(config.raw.get("webhooks"))):
            hook = Webhook(config, number, raw)
            if "sidecar-injector" in hook.name or hook.name.endswith("istio.io"):
                found.append(hook)
    return found


def takers(hooks: list[Webhook], namespace: Mapping[str, str], pod: Mapping[str, str]) -> list[Webhook]:
    """The webhooks that are called for such a pod."""
    return [hook for hook in hooks if hook.takes(namespace, pod)]


def asks_for_injection(namespace: Mapping[str, str]) -> bool:
    """Whether the labels of a namespace ask for sidecars."""
    value = namespace.get(INJECTION)
    return value == "enabled" or (value is None and bool(namespace.get(REVISION)))
