"""`describe pod|service`: a workload and the Istio objects that act on it.

Source: istioctl/pkg/describe/describe.go of 1.29. Text is gathered in a list of lines; where istioctl would stop with
an error after having printed some, the answer holds both.
"""

from __future__ import annotations

from typing import Any

from bugbundle.mesh import Mesh
from bugbundle.mesh.config.meshconfig import yaml_object
from bugbundle.mesh.kube import KubeObject, as_dict, as_text, dicts, texts
from bugbundle.mesh.parts import container_statuses
from bugbundle.mesh.selectors import contains
from bugbundle.views import peer_authentication, ports
from bugbundle.views.describe_envoy import EnvoyConfig
from bugbundle.views.describe_ingress import ingress
from bugbundle.views.describe_rules import Subsets, destination_rule, subsets_of, virtual_service
from bugbundle.views.describe_shared import (
    PROXY,
    RULE,
    Described,
    Describer,
    Stop,
    config_of,
    is_meshed,
    revision_of,
)

RESERVED = "WARNING: User ID (UID) 1337 is reserved for the sidecar proxy."
REQUIREMENTS = "https://istio.io/docs/setup/kubernetes/additional-setup/requirements/"
_NAMES = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")
_REVISIONS = ("service.istio.io/canonical-revision", "app.kubernetes.io/version", "version")


def describe_pod(what: Describer, pod: KubeObject) -> Described:
    """`describe pod`."""
    services = [
        service
        for service in what.mesh.kube.list("services")
        if service.namespace == pod.namespace
        and texts(service.spec.get("selector"))
        and contains(pod.labels, texts(service.spec.get("selector")))
    ]
    revision = revision_of(pod)
    _pod(what, pod, revision)
    if not services and not what.ignore_unmeshed:
        what.say(f"Warning: No Kubernetes Services select pod {what.name(pod)} (see {REQUIREMENTS} )")
    what.say(RULE)
    try:
        _services(what, pod, services, [pod.labels])
        what.say(RULE)
        root = root_namespace(what.mesh, what.system, revision)
        found = peer_authentication.effective(what.mesh, pod.namespace, pod.labels, root)
        what.say(*peer_authentication.lines(found))
        ingress(what, services, [pod.labels])
    except Stop as stop:
        what.out.problem = str(stop)
    return what.out


def describe_service(what: Describer, service: KubeObject) -> Described:
    """`describe service`."""
    selector = texts(service.spec.get("selector"))
    found = what.mesh.kube.list("pods") if selector else []
    selected = [p for p in found if p.namespace == service.namespace and contains(p.labels, selector)]
    pods = [pod for pod in selected if _is_meshed_and_ready(what, pod)]
    if not pods and not selected:
        what.say(f'Service "{what.name(service)}" has no pods.')
    elif not pods:
        what.say(
            f'Service "{what.name(service)}" has no Istio pods.  ({len(selected)} pods in service).',
            "Use `istioctl kube-inject` or redeploy with Istio automatic sidecar injection.",
        )
    else:
        labels = [pod.labels for pod in pods]
        try:
            _services(what, pods[0], [service], labels)
            ingress(what, [service], labels)
        except Stop as stop:
            what.out.problem = str(stop)
    return what.out


def _pod(what: Describer, pod: KubeObject, revision: str) -> None:
    exposed: list[str] = []
    for container in dicts(pod.spec.get("containers")):
        for port in dicts(container.get("ports")):
            kind = "" if ports.port_kind(port) == "TCP" else f"/{ports.port_kind(port)}"
            exposed.append(f"{port.get('containerPort', 0)}{kind} ({container.get('name')})")
        if container.get("name") not in (PROXY, "istio-operator") and _user(container) == 1337:
            what.say(RESERVED)
    name = what.name(pod)
    what.say(f"Pod: {name}", f"   Pod Revision: {revision}")
    what.say(f"   Pod Ports: {', '.join(exposed)}" if exposed else "   Pod does not expose ports")
    phase = as_text(pod.status.get("phase"))
    if phase != "Running":
        what.say(f"   Pod is not Running ({phase})")
        return
    for kind, key in (("", "containerStatuses"), ("Init ", "initContainerStatuses")):
        for status in dicts(pod.status.get(key)):
            if status.get("ready") is not True:
                what.say(f"WARNING: Pod {name} {kind}Container {status.get('name')} NOT READY")
    if what.ignore_unmeshed:
        return
    if not is_meshed(pod):
        what.say(f"WARNING: {name} is not part of mesh; no Istio sidecar")
        return
    if _user(pod.spec) == 1337:
        what.say(f"   {RESERVED}")
    for word, labels in (("name", _NAMES), ("revision", _REVISIONS)):
        if not any(label in pod.labels for label in labels):
            what.say(
                f"Suggestion: add required service {word} label for Istio telemetry. See {_deployment(what.mesh)}."
            )


def _deployment(mesh: Mesh) -> str:
    """istioctl names the page of its own version; ours is the mesh's."""
    versions = (istiod.text("version.txt").split(".") for istiod in mesh.istiods)
    minor = next((f"v{each[0]}.{each[1]}" for each in versions if len(each) > 2), "latest")
    return f"https://istio.io/{minor}/docs/ops/deployment/requirements/"


def _user(value: dict[str, Any]) -> Any:
    return as_dict(value.get("securityContext")).get("runAsUser")


def _is_meshed_and_ready(what: Describer, pod: KubeObject) -> bool:
    phase = as_text(pod.status.get("phase"))
    if phase != "Running":
        what.say(f"   Pod is not Running ({phase})")
        return False
    statuses = dicts(pod.status.get("containerStatuses")) + container_statuses(pod)
    for status in statuses:
        if status.get("name") == PROXY:
            if status.get("ready") is not True:
                what.say(f"WARNING: Pod {what.name(pod)} Container {PROXY} NOT READY")
            return status.get("ready") is True
    what.say(f'Pod {what.name(pod)}: no container "{PROXY}" in pod')
    return False


def _services(what: Describer, pod: KubeObject, services: list[KubeObject], labels: list[dict[str, str]]) -> None:
    try:
        config = config_of(what.mesh, pod)
    except Stop as stop:
        if what.ignore_unmeshed:
            return
        raise Stop(f"failed to execute command on sidecar: {stop}") from None
    for number, service in enumerate(services):
        if number:
            what.say(RULE)
        _service(what, service, pod)
        every = dicts(service.spec.get("ports"))
        for port in every:
            if len(every) > 1:
                what.say(f"{port.get('port', 0)}:")
            if config is not None:
                _service_port(what, config, service, port.get("port") or 0, labels, len(every) > 1)


def _service(what: Describer, service: KubeObject, pod: KubeObject) -> None:
    what.say(f"Service: {what.name(service)}")
    for port in dicts(service.spec.get("ports")):
        if ports.port_kind(port) != "TCP":
            continue
        target = ports.target_port(pod, port)
        if target is None:
            what.say(f"   no suitable port for manifest: {pod.metadata.get('uid', '')}")
            continue
        name = as_text(port.get("name"))
        what.say(f"   Port: {name} {port.get('port', 0)}/{_protocol(port)} targets pod port {target}")


def _protocol(port: dict[str, Any]) -> str:
    if not port.get("name") and port.get("appProtocol") is None:
        return "auto-detect"
    found = ports.protocol(port)
    return "HBONE" if found == ports.UNSUPPORTED and port.get("appProtocol") == "hbone" else found


def _service_port(
    what: Describer,
    config: EnvoyConfig,
    service: KubeObject,
    port: int,
    labels: list[dict[str, str]],
    many: bool,
) -> None:
    indent = 3 if many else 0
    subsets = Subsets()
    key = config.destination_rule(service, port)
    if key:
        rule = what.get("destinationrules.networking.istio.io", "destination rule", key)
        subsets = subsets_of(rule, labels, what.name)
        what.say(*destination_rule(rule, subsets, indent))
    key = config.virtual_service(service, port)
    if key:
        rule = what.get("virtualservices.networking.istio.io", "virtual service", key)
        what.say(*virtual_service(rule, service, subsets, indent, what.name))
    policies = config.rbac_policies(port)
    if policies:
        what.say(f"{f'{port} ' if many else ''}RBAC policies: {', '.join(policies)}")


def root_namespace(mesh: Mesh, system: str, revision: str) -> str:
    """`rootNamespace` of the revision's mesh config. Raises `Stop` where it was not recorded."""
    name = f"istio-{revision}" if revision not in ("", "default") else "istio"
    config = mesh.kube.get("configmaps", system, name)
    if config is None:
        gap = mesh.kube.gap("configmaps")
        reason = gap.text if gap else f'configmaps "{name}" not found'
        raise Stop(
            f'failed to fetch mesh config: could not read configmap "{name}" from namespace "{system}": {reason}'
        )
    text = texts(config.raw.get("data")).get("mesh")
    if text is None:
        raise Stop('failed to fetch mesh config: missing config map key "mesh"')
    return as_text(yaml_object(text).get("rootNamespace")) or "istio-system"
