"""What stands behind names and addresses: pods, Services, ServiceEntries, as a client in a pod finds them.

Sources: Kubernetes' DNS for Services and Pods (search list with ndots 5, headless Services),
pilot/pkg/serviceregistry/serviceentry (auto-allocated addresses of 240.240.0.0/16, `status.addresses`),
pilot/pkg/networking/core/... name table (`debug/ndsz`).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.meshconfig import mesh_config
from bugbundle.mesh.kube import as_dict, as_list, as_text, dicts
from bugbundle.mesh.once import once
from bugbundle.mesh.workloads.index import alive, index

NONE = "None"


@dataclass(frozen=True, slots=True)
class Place:
    """What a name means: its addresses (none: the cluster does not tell), whose it is, and in words."""

    host: str
    addresses: tuple[str, ...]
    source: KubeObject | None
    said: str


class Places:
    """Look-ups over one mesh."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.index = index(mesh)
        config = mesh_config(mesh)
        self.trust_domain = as_text(config.get("trustDomain")) or "cluster.local"

    @functools.cached_property
    def pods(self) -> dict[str, KubeObject]:
        """address → the living pod that has it; pods on the node's network are none."""
        found: dict[str, KubeObject] = {}
        for pod in self.mesh.kube.list(res.POD):
            if alive(pod) and not pod.spec.get("hostNetwork"):
                for address in addresses_of(pod):
                    found[address] = pod
        return found

    def pod_at(self, address: str) -> KubeObject | None:
        """The living pod that has an address; of a long list that nobody has read yet few pods are parsed."""
        if "pods" in self.__dict__:
            return self.pods.get(address)
        near = self.mesh.kube.near(res.POD, address) if address else ()
        mine = (pod for pod in near if alive(pod) and not pod.spec.get("hostNetwork"))
        return next((pod for pod in mine if address in addresses_of(pod)), None)

    @functools.cached_property
    def services(self) -> dict[str, KubeObject]:
        """Cluster or external address → Service."""
        found: dict[str, KubeObject] = {}
        for service in self.mesh.kube.list(res.SERVICE):
            ingress = dicts(as_dict(service.status.get("loadBalancer")).get("ingress"))
            outside = [as_text(one.get("ip")) for one in ingress] + [
                str(a) for a in as_list(service.spec.get("externalIPs"))
            ]
            for address in (*cluster_addresses(service), *outside):
                found.setdefault(address, service)
        return found

    @functools.cached_property
    def entries(self) -> list[KubeObject]:
        """The ServiceEntries."""
        return self.mesh.kube.list(res.SERVICE_ENTRY)

    def identity(self, pod: KubeObject) -> str:
        """The SPIFFE URI of a pod's service account."""
        account = as_text(pod.spec.get("serviceAccountName")) or "default"
        return f"spiffe://{self.trust_domain}/ns/{pod.namespace}/sa/{account}"

    def find(self, host: str, namespace: str, proxy_names: dict[str, Any] | None = None) -> Place:
        """What a name means to a pod of a namespace; `proxy_names` is its proxy's name table, if it has one."""
        if is_address(host):
            return Place(host, (host,), self.services.get(host), self._said(host))
        name = host.rstrip(".").lower()
        for full in _searched(name, namespace):
            found = self._service(full) or self._entry(full, proxy_names)
            if found is not None:
                return found
        return self._wild(name) or Place(name, (), None, f"{name} is neither a Service nor a ServiceEntry of this mesh")

    def _said(self, address: str) -> str:
        if address in self.services:
            return f"{address} is Service {_name(self.services[address])}"
        pod = self.pod_at(address)
        if pod is not None:
            return f"{address} is Pod {_name(pod)}"
        return f"{address} is neither a Service nor a Pod of this mesh"

    def _service(self, full: str) -> Place | None:
        parts = full.split(".")
        if len(parts) < 3 or parts[2] != "svc":
            return self._of_headless(parts)
        service = self.mesh.kube.find(res.SERVICE, parts[1], parts[0])
        if service is None:
            return None
        if as_text(service.spec.get("externalName")):
            target = as_text(service.spec["externalName"])
            return Place(
                target,
                self.find(target, parts[1]).addresses,
                service,
                f"Service {_name(service)} is an alias of {target}",
            )
        found = cluster_addresses(service)
        if found:
            return Place(full, found, service, f"Service {_name(service)}, {', '.join(found)}")
        pods = tuple(row[0] for row in self.backends(service, None))
        return Place(full, pods, service, f"headless Service {_name(service)}, pods {', '.join(pods) or 'none'}")

    def _of_headless(self, parts: list[str]) -> Place | None:
        """`pod.service.namespace.svc…` of a StatefulSet."""
        if len(parts) < 5 or parts[3] != "svc":
            return None
        service = self.mesh.kube.find(res.SERVICE, parts[2], parts[1])
        pod = self.mesh.pod(parts[2], parts[0]) if service is not None else None
        if pod is None or service is None:
            return None
        return Place(
            ".".join(parts), addresses_of(pod), service, f"Pod {_name(pod)} of headless Service {_name(service)}"
        )

    def _entry(self, full: str, table: dict[str, Any] | None) -> Place | None:
        for entry in self.entries:
            if full not in as_list(entry.spec.get("hosts")):
                continue
            own = tuple(str(a) for a in as_list(entry.spec.get("addresses")) if is_address(str(a)))
            if table is not None and not own:
                rows = as_dict(as_dict(table.get("table")).get(full))
                own = tuple(str(a) for a in as_list(rows.get("ips"))) or _allocated(entry, full)
            told = ", ".join(own) or "its address is not in the recording"
            return Place(full, own, entry, f"ServiceEntry {_name(entry)}, {told}")
        return None

    def _wild(self, name: str) -> Place | None:
        for entry in self.entries:
            for host in map(str, as_list(entry.spec.get("hosts"))):
                if host.startswith("*") and name.endswith(host[1:]):
                    return Place(
                        name, (), entry, f"ServiceEntry {_name(entry)} ({host}); its address is not in the recording"
                    )
        return None

    def backends(self, service: KubeObject, port: int | None) -> list[tuple[str, int]]:
        """(address, port) that kube-proxy sends a Service's port to: the ready endpoints of its EndpointSlices.

        Without a port, of its first. Falls back to the pods that it selects where no slice was recorded.
        """
        ports = dicts(service.spec.get("ports"))
        wanted = next((one for one in ports if port is None or one.get("port") == port), None)
        if wanted is None:
            return []
        slices = self.index.slices_of(service.namespace, service.name)
        found: list[tuple[str, int]] = []
        for one in slices:
            named = [p for p in dicts(one.raw.get("ports")) if as_text(p.get("name")) == as_text(wanted.get("name"))]
            for endpoint in dicts(one.raw.get("endpoints")):
                if as_dict(endpoint.get("conditions")).get("ready") is not False and named:
                    number = named[0].get("port")
                    found += [(str(a), int(number or 0)) for a in as_list(endpoint.get("addresses"))[:1]]
        if slices:
            return found
        return [(a, target_port(pod, wanted)) for pod in self.index.pods_of(service) for a in addresses_of(pod)[:1]]


def target_port(pod: KubeObject, port: dict[str, Any]) -> int:
    """The pod's port behind a Service's: a number, a name of a container's port, else the same."""
    wanted = port.get("targetPort", port.get("port"))
    if isinstance(wanted, int):
        return wanted
    for container in dicts(pod.spec.get("containers")) + dicts(pod.spec.get("initContainers")):
        for one in dicts(container.get("ports")):
            if one.get("name") == wanted and isinstance(one.get("containerPort"), int):
                return int(one["containerPort"])
    return int(str(wanted)) if str(wanted).isdigit() else 0


def addresses_of(pod: KubeObject) -> tuple[str, ...]:
    """A pod's addresses."""
    found = [as_text(one.get("ip")) for one in dicts(pod.status.get("podIPs"))] or [as_text(pod.status.get("podIP"))]
    return tuple(filter(None, found))


def cluster_addresses(service: KubeObject) -> tuple[str, ...]:
    """A Service's cluster addresses; none of a headless one."""
    found = as_list(service.spec.get("clusterIPs")) or [service.spec.get("clusterIP")]
    return tuple(str(one) for one in found if one and one != NONE)


def is_address(text: str) -> bool:
    """Whether it is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _searched(name: str, namespace: str) -> list[str]:
    """The names that a resolver tries, the search list first (Kubernetes sets ndots to 5)."""
    search = [f"{name}.{namespace}.svc.cluster.local", f"{name}.svc.cluster.local", f"{name}.cluster.local"]
    return [name, *search] if name.endswith(".cluster.local") else [*search, name]


def _allocated(entry: KubeObject, host: str) -> tuple[str, ...]:
    """Addresses that istiod gave a ServiceEntry (`status.addresses`)."""
    rows = dicts(entry.status.get("addresses"))
    return tuple(
        as_text(r.get("value")) for r in rows if as_text(r.get("host")) in ("", host) and "." in as_text(r.get("value"))
    )


def _name(item: KubeObject) -> str:
    return f"{item.namespace}/{item.name}"


@once
def places(mesh: Mesh) -> Places:
    """The one table of names and addresses of a mesh."""
    return Places(mesh)
