"""What `describe` says beyond istioctl: ambient, waypoints, Gateway API routes, Sidecars, every rule of every port.

Printed behind istioctl's part and only when asked for, so that that part stays as istioctl prints it. Rules of
ambient and of waypoints: istio-reference, pilot/pkg/serviceregistry/kube/controller/ambient.
"""

from __future__ import annotations

from collections.abc import Iterable

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts, texts
from bugbundle.mesh.selectors import contains
from bugbundle.views.describe_routes import every_rule, gateway_routes
from bugbundle.views.effect import without_effect

RULE = "===================="
MODE, WAYPOINT, SPACE = "istio.io/dataplane-mode", "istio.io/use-waypoint", "istio.io/use-waypoint-namespace"
CAPTURED = "ambient.istio.io/redirection"
GATEWAYS = "gateways.gateway.networking.k8s.io"


def more_of_pod(mesh: Mesh, pod: KubeObject) -> str:
    """The part about one pod."""
    found = mesh.kube.list("services")
    services = [s for s in found if s.namespace == pod.namespace and _selects(s, pod)]
    lines = [*_ambient(mesh, pod), *_waypoint(mesh, pod, "workload"), *_sidecars(mesh, pod)]
    for service in services:
        lines += _service(mesh, service)
    lines += every_rule(mesh, pod, services)
    lines += without_effect(mesh, f"{pod.name}.{pod.namespace}")
    return _text(lines)


def more_of_service(mesh: Mesh, service: KubeObject) -> str:
    """The part about one service."""
    pods = [p for p in mesh.kube.list("pods") if p.namespace == service.namespace and _selects(service, p)]
    lines = _service(mesh, service)
    if pods:
        lines += every_rule(mesh, pods[0], [service])
    return _text(lines)


def _text(lines: Iterable[str]) -> str:
    found = list(lines) or ["Nothing more: no ambient, waypoint, Gateway API route or Sidecar, one rule per port"]
    return "".join(f"{line}\n" for line in [RULE, *found])


def _selects(service: KubeObject, pod: KubeObject) -> bool:
    selector = texts(service.spec.get("selector"))
    return bool(selector) and contains(pod.labels, selector)


def _service(mesh: Mesh, service: KubeObject) -> list[str]:
    routes = gateway_routes(mesh, service)
    waypoint = _waypoint(mesh, service, "service")
    if not routes and not waypoint:
        return []
    return [f"Service: {service.name}.{service.namespace}", *(f"   {line}" for line in [*waypoint, *routes])]


def _ambient(mesh: Mesh, pod: KubeObject) -> list[str]:
    """Whether ztunnel has the pod, by its labels, its annotation and by ztunnel itself."""
    space = mesh.kube.get("namespaces", "", pod.namespace)
    own, inherited = pod.labels.get(MODE), space.labels.get(MODE) if space else None
    wanted = own == "ambient" or (inherited == "ambient" and own != "none")
    redirected = pod.annotations.get(CAPTURED)
    state = _ztunnel_state(mesh, pod)
    if not wanted and not redirected:
        return []
    lines = [f"Ambient: {'wanted' if wanted else 'not wanted'} by {_by(own, inherited)}"]
    if "sidecar.istio.io/status" in pod.annotations:
        lines.append("   The pod has a sidecar: ztunnel leaves it alone")
    if pod.spec.get("hostNetwork") is True:
        lines.append("   The pod is in the host's network: ztunnel cannot take it")
    lines.append(f"   Redirection: {redirected or 'none'}")
    return [*lines, *(f"   {line}" for line in state)]


def _by(own: str | None, inherited: str | None) -> str:
    if own is not None:
        return f"the pod's label {MODE}={own}"
    return f"the namespace's label {MODE}={inherited}" if inherited is not None else "no label"


def _ztunnel_state(mesh: Mesh, pod: KubeObject) -> list[str]:
    """What the ztunnel of the pod's node says of it."""
    node = as_text(pod.spec.get("nodeName"))
    ztunnel = next((z for z in mesh.ztunnels if node and z.node_name == node), None)
    if ztunnel is None:
        return []
    state = as_dict(as_dict(ztunnel.config.get("workloadState")).get(as_text(pod.metadata.get("uid"))))
    workloads = ztunnel.config.get("workloads")
    every = dicts(list(workloads.values()) if isinstance(workloads, dict) else workloads)
    known = [w for w in every if (w.get("name"), w.get("namespace")) == (pod.name, pod.namespace)]
    lines = [f"Ztunnel {ztunnel.id}: state {as_text(state.get('state'))}"] if state else []
    for workload in known:
        policies = ", ".join(p for p in as_list(workload.get("authorizationPolicies")) if isinstance(p, str))
        lines.append(f"Ztunnel speaks {workload.get('protocol')} to it; policies: {policies or 'none'}")
    return lines


def _waypoint(mesh: Mesh, item: KubeObject, traffic: str) -> list[str]:
    """The waypoint that a label names, and whether it can serve this kind of traffic."""
    space = mesh.kube.get("namespaces", "", item.namespace)
    holder, by = (item, "its own label") if WAYPOINT in item.labels else (space, "the namespace's label")
    name = holder.labels.get(WAYPOINT) if holder else None
    if not holder or not name:
        return []
    if name == "none":
        return ["Waypoint: none, by its own label"]
    where = holder.labels.get(SPACE) or item.namespace
    gateway = mesh.kube.get(GATEWAYS, where, name)
    if gateway is None:
        return [f"Waypoint: {name}.{where}, by {by}", "   WARNING: there is no such Gateway; L7 rules do not apply"]
    serves = gateway.labels.get("istio.io/waypoint-for") or "service"
    lines = [f"Waypoint: {name}.{where} (for {serves}), by {by}"]
    if serves not in (traffic, "all"):
        if traffic == "workload" and by != "its own label":
            return []
        lines.append(f"   WARNING: it does not serve traffic to a {traffic}")
    if not gateway.status.get("addresses"):
        lines.append("   WARNING: it has no address: it is not ready")
    return [*lines, *(f"   {line}" for line in _bound(item))]


def _bound(item: KubeObject) -> list[str]:
    return [
        f"{condition.get('type')}: {condition.get('status')} ({as_text(condition.get('reason'))}) "
        f"{as_text(condition.get('message'))}".rstrip()
        for condition in item.conditions()
        if condition.get("type") == "istio.io/WaypointBound"
    ]


def _sidecars(mesh: Mesh, pod: KubeObject) -> list[str]:
    """The Sidecar that limits what the pod's proxy is sent: one with a selector, else the namespace's, else root's."""
    every = mesh.kube.list("sidecars.networking.istio.io")
    own = [s for s in every if s.namespace == pod.namespace]
    chosen = [s for s in own if _labels(s) and contains(pod.labels, _labels(s))]
    plain = [s for s in own if not _labels(s)]
    root = [s for s in every if s.namespace == "istio-system" and not _labels(s)]
    found = chosen or plain or root
    if not found:
        return []
    lines = [f"Sidecar: {found[0].name}.{found[0].namespace}"]
    for egress in dicts(found[0].spec.get("egress")):
        hosts = ", ".join(host for host in as_list(egress.get("hosts")) if isinstance(host, str))
        lines.append(f"   Egress: {hosts}")
    if len(found) > 1:
        names = ", ".join(f"{s.name}.{s.namespace}" for s in found[1:])
        lines.append(f"   WARNING: more than one applies; ignored: {names}")
    return lines


def _labels(sidecar: KubeObject) -> dict[str, str]:
    return texts(as_dict(sidecar.spec.get("workloadSelector")).get("labels"))
