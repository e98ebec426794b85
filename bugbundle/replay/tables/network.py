"""Columns of services, endpoints, ingresses and what else moves traffic; of nodes too.

Source: k8s.io/kubernetes/pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from typing import Any

from bugbundle.replay.ages import Clock
from bugbundle.replay.shape import Object, dig, mapping, number, objects, scalar, strings, text
from bugbundle.replay.tables.columns import NONE, age_of, first_three, label_selector, labels, name_of, table


@table("Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector+", "services")
def service(obj: Object, clock: Clock) -> list[Any]:
    """One Service."""
    addresses = strings(obj, "spec", "clusterIPs")
    return [
        name_of(obj),
        text(obj, "spec", "type"),
        addresses[0] if addresses else text(obj, "spec", "clusterIP", default=NONE),
        _external(obj),
        ",".join(_port(item) for item in objects(obj, "spec", "ports")) or NONE,
        age_of(obj, clock),
        labels(dig(obj, "spec", "selector")),
    ]


def _port(item: Object) -> str:
    outside = f":{number(item, 'nodePort')}" if number(item, "nodePort") > 0 else ""
    return f"{number(item, 'port')}{outside}/{text(item, 'protocol')}"


def _external(obj: Object) -> str:
    kind, own = text(obj, "spec", "type"), strings(obj, "spec", "externalIPs")
    if kind in ("ClusterIP", "NodePort"):
        return ",".join(own) or NONE
    if kind == "LoadBalancer":
        given = _ingress_points(obj)
        return ",".join([given, *own] if given else own) or "<pending>"
    return text(obj, "spec", "externalName") if kind == "ExternalName" else "<unknown>"


def _ingress_points(obj: Object) -> str:
    points = objects(obj, "status", "loadBalancer", "ingress")
    return ",".join(sorted({text(item, "ip") or text(item, "hostname") for item in points} - {""}))


@table("Name|Endpoints|Age", "endpoints")
def endpoints(obj: Object, clock: Clock) -> list[Any]:
    """One Endpoints object: the first three addresses."""
    found = []
    for subset in objects(obj, "subsets"):
        ips = [text(item, "ip") for item in objects(subset, "addresses")]
        ports = [number(item, "port") for item in objects(subset, "ports")]
        found += [_joined(ip, port) for port in ports for ip in ips] if ports else ips
    empty = NONE if not objects(obj, "subsets") else ""
    return [name_of(obj), first_three(found, empty=empty), age_of(obj, clock)]


def _joined(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


@table("Name|AddressType|Ports|Endpoints|Age", "endpointslices.discovery.k8s.io")
def endpoint_slice(obj: Object, clock: Clock) -> list[Any]:
    """One EndpointSlice."""
    ports = [scalar(item.get("port")) or text(item, "name", default="*") for item in objects(obj, "ports")]
    addresses = [ip for item in objects(obj, "endpoints") for ip in strings(item, "addresses")]
    return [
        name_of(obj),
        text(obj, "addressType"),
        first_three(ports),
        first_three(addresses),
        age_of(obj, clock),
    ]


@table("Name|Class|Hosts|Address|Ports|Age", "ingresses.networking.k8s.io", "ingresses.extensions")
def ingress(obj: Object, clock: Clock) -> list[Any]:
    """One Ingress."""
    rules = objects(obj, "spec", "rules")
    hosts = [text(rule, "host") for rule in rules if text(rule, "host")]
    shown = ",".join(hosts[:3]) or "*"
    if len(hosts) >= 3 and len(rules) > 3:
        shown += f" + {len(rules) - 3} more..."
    return [
        name_of(obj),
        text(obj, "spec", "ingressClassName", default=NONE),
        shown,
        _ingress_points(obj),
        "80, 443" if objects(obj, "spec", "tls") else "80",
        age_of(obj, clock),
    ]


@table("Name|Controller|Parameters|Age", "ingressclasses.networking.k8s.io")
def ingress_class(obj: Object, clock: Clock) -> list[Any]:
    """One IngressClass."""
    given = mapping(obj, "spec", "parameters")
    group = text(given, "apiGroup")
    kind = f"{text(given, 'kind')}.{group}" if group else text(given, "kind")
    shown = f"{kind}/{text(given, 'name')}" if given else NONE
    return [name_of(obj), text(obj, "spec", "controller"), shown, age_of(obj, clock)]


@table("Name|Pod-Selector|Age", "networkpolicies.networking.k8s.io")
def network_policy(obj: Object, clock: Clock) -> list[Any]:
    """One NetworkPolicy."""
    return [name_of(obj), label_selector(dig(obj, "spec", "podSelector")), age_of(obj, clock)]


@table("Name|CIDRs|Age", "servicecidrs.networking.k8s.io")
def service_cidr(obj: Object, clock: Clock) -> list[Any]:
    """One ServiceCIDR."""
    return [name_of(obj), ",".join(strings(obj, "spec", "cidrs")), age_of(obj, clock)]


@table("Name|ParentRef", "ipaddresses.networking.k8s.io")
def ip_address(obj: Object, clock: Clock) -> list[Any]:
    """One IPAddress."""
    parent = mapping(obj, "spec", "parentRef")
    group, resource = text(parent, "group"), text(parent, "resource")
    kind = f"{resource}.{group}".lower() if group else resource.lower()
    parts = [kind, text(parent, "namespace"), text(parent, "name")]
    return [name_of(obj), "/".join(part for part in parts if part) if parent else NONE]


@table(
    "Name|Status|Roles|Age|Version|Internal-IP+|External-IP+|OS-Image+|Kernel-Version+|Container-Runtime+",
    "nodes",
)
def node(obj: Object, clock: Clock) -> list[Any]:
    """One Node."""
    info = mapping(obj, "status", "nodeInfo")
    return [
        name_of(obj),
        _node_status(obj),
        _roles(obj) or NONE,
        age_of(obj, clock),
        text(info, "kubeletVersion"),
        _address(obj, "InternalIP"),
        _address(obj, "ExternalIP"),
        text(info, "osImage", default="<unknown>"),
        text(info, "kernelVersion", default="<unknown>"),
        text(info, "containerRuntimeVersion", default="<unknown>"),
    ]


def _node_status(obj: Object) -> str:
    ready = [item for item in objects(obj, "status", "conditions") if text(item, "type") == "Ready"]
    word = "Unknown" if not ready else "Ready" if text(ready[-1], "status") == "True" else "NotReady"
    return f"{word},SchedulingDisabled" if dig(obj, "spec", "unschedulable") is True else word


def _roles(obj: Object) -> str:
    roles = set()
    for key, value in mapping(obj, "metadata", "labels").items():
        if key.startswith("node-role.kubernetes.io/"):
            roles.add(key.removeprefix("node-role.kubernetes.io/"))
        elif key == "kubernetes.io/role" and isinstance(value, str):
            roles.add(value)
    return ",".join(sorted(roles - {""}))


def _address(obj: Object, kind: str) -> str:
    found = (item for item in objects(obj, "status", "addresses") if text(item, "type") == kind)
    return text(next(found, {}), "address", default=NONE)
