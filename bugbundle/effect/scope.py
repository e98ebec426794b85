"""Whom an object is for: by selector, by targetRefs, by exportTo and Sidecars.

Sources: pilot/pkg/model/policyattachment.go (targetRefs win over selectors; a waypoint takes only what names it, or its
Service, or from the root namespace its class), pilot/pkg/model/authorization.go and authentication.go (root namespace:
all workloads), pilot/pkg/model/sidecar.go, pkg/config/visibility.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from bugbundle.effect.world import world
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import exported, host_matches, texts_of
from bugbundle.mesh.config.policies import TARGETS, target_refs
from bugbundle.mesh.config.visibility import sidecar_of
from bugbundle.mesh.config.waypoints import NAME, binding, waypoint_pods
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.selectors import workload_selector
from bugbundle.mesh.workloads.index import alive, captured, index, meshed, pod_id, proxied


class Clients(NamedTuple):
    """Proxies that see the same: of one namespace, under one Sidecar."""

    namespace: str
    sidecar: KubeObject | None
    proxies: tuple[Proxy, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Their ids."""
        return tuple(proxy.id for proxy in self.proxies)


@once
def clients(mesh: Mesh) -> list[Clients]:
    """Every sidecar, grouped by what it sees."""
    groups: dict[tuple[str, str], list[Proxy]] = defaultdict(list)
    sidecars: dict[tuple[str, str], KubeObject | None] = {}
    for proxy in mesh.proxies:
        if proxy.kind != "sidecar":
            continue
        sidecar = sidecar_of(mesh, proxy.pod) if proxy.pod else None
        key = (proxy.namespace, str(sidecar or ""))
        groups[key].append(proxy)
        sidecars[key] = sidecar
    return [Clients(key[0], sidecars[key], tuple(group)) for key, group in groups.items()]


def export_to(mesh: Mesh, item: KubeObject, default: str) -> list[str]:
    """The `exportTo` of an object, else the mesh's default of its kind (`defaultVirtualServiceExportTo`, …)."""
    own = texts_of(item.spec.get("exportTo"))
    return own or texts_of(world(mesh).config.get(default))


def lets_import(sidecar: KubeObject | None, owner: str, hosts: list[str]) -> bool:
    """Whether a Sidecar's egress takes one of these hosts from a namespace (`NAMESPACE/HOST`; `./`, `*/`, `~/`)."""
    entries = dicts(sidecar.spec.get("egress")) if sidecar else []
    if sidecar is None or not entries:
        return True
    for entry in entries:
        for text in texts_of(entry.get("hosts")):
            space, _, wanted = text.rpartition("/")
            space = sidecar.namespace if space == "." else space
            if space in ("*", owner) and any(host_matches(wanted, host) for host in hosts):
                return True
    return False


def visible(scopes: list[str], owner: str, namespace: str) -> bool:
    """Whether `exportTo` shows an object of namespace `owner` in `namespace`; `~` shows it nowhere."""
    return scopes != ["~"] and exported(scopes, owner, namespace)


class Selection(NamedTuple):
    """The workloads that a policy is for: pods with an Envoy, pods of ambient without; and "
    "references that lead nowhere."""

    envoys: tuple[KubeObject, ...]
    ambient: tuple[KubeObject, ...]
    lost: tuple[str, ...]
    bound: bool

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all of them."""
        return tuple(pod_id(pod) for pod in (*self.envoys, *self.ambient))


def selection(mesh: Mesh, item: KubeObject, field: str = "selector") -> Selection:
    """Whom a policy is for; `bound` where targetRefs decide."""
    refs = list(target_refs(item))
    if refs:
        pods, lost = _targeted(mesh, item)
        return Selection(tuple(pods), (), tuple(lost), True)
    wanted = workload_selector(item.spec, field) or {}
    space = "" if item.namespace == world(mesh).root else item.namespace
    pods = [pod for pod in index(mesh).select(wanted, space) if alive(pod) and meshed(pod)]
    envoys = tuple(pod for pod in pods if proxied(pod) and not _is_waypoint(pod))
    return Selection(envoys, tuple(pod for pod in pods if captured(pod) and not proxied(pod)), (), False)


def _targeted(mesh: Mesh, item: KubeObject) -> tuple[list[KubeObject], list[str]]:
    pods: dict[str, KubeObject] = {}
    lost: list[str] = []
    for _, target in target_refs(item):
        kind, name = as_text(target.get("kind")), as_text(target.get("name"))
        resource = TARGETS.get(kind, "")
        space = "" if kind == "GatewayClass" else item.namespace
        found = mesh.kube.get(resource, space, name) if resource else None
        if found is None:
            lost.append(f"{kind} {name}")
            continue
        for pod in pods_of_target(mesh, found):
            pods[pod_id(pod)] = pod
    return list(pods.values()), lost


def without_waypoint(mesh: Mesh, item: KubeObject) -> list[KubeObject]:
    """The Services and ServiceEntries that an object is bound to and that use no waypoint: nobody applies it there."""
    found = []
    for _, target in target_refs(item):
        kind = as_text(target.get("kind"))
        if kind in ("Service", "ServiceEntry"):
            thing = mesh.kube.get(TARGETS[kind], item.namespace, as_text(target.get("name")))
            if thing is not None and binding(mesh, thing) is None:
                found.append(thing)
    return found


def pods_of_target(mesh: Mesh, target: KubeObject) -> Iterator[KubeObject]:
    """The pods that apply what is bound to a Gateway, a GatewayClass, a Service or a ServiceEntry."""
    if target.kind == "Gateway":
        yield from index(mesh).select({NAME: target.name}, target.namespace)
    elif target.kind == "GatewayClass":
        for gateway in mesh.kube.list(res.K8S_GATEWAY):
            if gateway.spec.get("gatewayClassName") == target.name:
                yield from waypoint_pods(mesh, gateway)
    else:
        found = binding(mesh, target)
        if found is not None:
            space, name = found.waypoint
            yield from index(mesh).select({NAME: name}, space)


def _is_waypoint(pod: KubeObject) -> bool:
    return pod.labels.get("gateway.istio.io/managed") == "istio.io-mesh-controller"


def gateway_pods(mesh: Mesh, gateway: KubeObject) -> list[KubeObject]:
    """The pods that an Istio Gateway configures: by its selector, in any namespace, with an Envoy that is a router."""
    from bugbundle.mesh.config.gateways import selector_of

    wanted = selector_of(gateway)
    return [pod for pod in index(mesh).select(wanted) if alive(pod) and proxied(pod)] if wanted else []


def age(item: KubeObject) -> tuple[str, str, str]:
    """The order in which istiod takes objects: creation, then name and namespace (pkg/config/model.go)."""
    return (as_text(item.metadata.get("creationTimestamp")), item.name, item.namespace)


def ports_of_pods(pods: tuple[KubeObject, ...]) -> set[int]:
    """The container ports that pods declare."""
    found: set[int] = set()
    for pod in pods:
        for container in dicts(pod.spec.get("containers")):
            found |= {p for one in dicts(container.get("ports")) if isinstance(p := one.get("containerPort"), int)}
    return found


def as_texts(value: object) -> list[str]:
    """The strings in a list."""
    return [one for one in as_list(value) if isinstance(one, str)]
