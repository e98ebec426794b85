"""A discovery address that leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer, Proxy
from bugbundle.mesh.config.hosts import service_of
from bugbundle.mesh.kinds import SERVICE
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import Line, proxy_log
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import annotated_address, discovery_address, discovery_host, workload
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB307",
    per=Mesh,
    level=Level.ERROR,
    reads={"services", "pods"},
    optional={Source.ENVOY_CONFIG_DUMP, Source.ISTIOD_SYNCZ, Source.LOG},
    explains={"BB203", "BB306", "BB208", "BB410"},
    message="{workload} discoveryAddress {address}, and {problem}{source}",
)
def discovery_address_unknown(mesh: Mesh) -> Iterator[Evidence]:
    """A proxy is told to get its configuration from a Service that does not exist, or from a port that it lacks.

    Proxies that an istiod holds are passed over: their address works. It is taken from the proxy's bootstrap, else
    from the pod's annotation `proxy.istio.io/config`.

    ## Why it matters
    The proxy never receives a configuration and never becomes ready; with native sidecars the application does not
    even start.

    ## What to do
    Correct or delete `discoveryAddress` (annotation `proxy.istio.io/config` of the workload, a ProxyConfig, or
    `meshConfig.defaultConfig`) and restart the pods. A leftover of a removed revision is the usual reason.
    """
    groups: dict[str, list[Proxy]] = {}
    for proxy in mesh.proxies:
        if proxy.pod is None or finished(proxy.pod) or mesh.istiods_of(proxy.id):
            continue
        if _problem(mesh, proxy):
            groups.setdefault(discovery_address(proxy), []).append(proxy)
    for address, proxies in groups.items():
        first = proxies[0]
        owners = list(dict.fromkeys(workload(mesh, proxy.pod) for proxy in proxies if proxy.pod))
        service = service_of(discovery_host(first), "istio-system") or ("", "")
        lines = _lines(first)
        yield Evidence(
            origin=owners[0] if len(owners) == 1 else Ref("Service", *service),
            values={
                "workload": f"{owners[0]} has"
                if len(owners) == 1
                else f"{len(owners)} workloads ({owners[0]}, …) have",
                "address": address,
                "problem": _problem(mesh, first),
                "source": " (annotation proxy.istio.io/config)" if annotated_address(first.pod) == address else "",
            },
            objects=(*owners[:50], *(ref(proxy) for proxy in proxies[:200]), Ref("Service", *service)),
            proofs=(_place(first, address), *(line.proof for line in lines[-1:])),
            affects=tuple(proxy.id for proxy in proxies),
            confidence=Confidence.CERTAIN,
        )


def _problem(mesh: Mesh, proxy: Proxy) -> str:
    """What is wrong with where a discovery address leads; empty where nothing is."""
    service = service_of(discovery_host(proxy), "istio-system")
    if service is None:
        return ""
    found = mesh.kube.get(SERVICE, *service)
    if found is None and not index(mesh).covers(SERVICE, service[0]):
        return ""
    if found is None:
        return f"there is no Service {service[0]}/{service[1]}"
    port = discovery_address(proxy).rpartition(":")[2]
    ports = {str(one.get("port")) for one in dicts(found.spec.get("ports"))}
    return f"Service {service[0]}/{service[1]} has no port {port}" if ports and port not in ports else ""


def _place(proxy: Proxy, address: str) -> Proof:
    if proxy.pod is not None and annotated_address(proxy.pod) == address:
        pointer = Pointer(
            proxy.pod.pointer.entry, f"{proxy.pod.pointer.pointer}/metadata/annotations/proxy.istio.io~1config"
        )
        return Proof(pointer, f"discoveryAddress: {address}")
    return Proof(Pointer(proxy.entry("config_dump.json")), f"PROXY_CONFIG.discoveryAddress {address}")


def _lines(proxy: Proxy) -> list[Line]:
    log = proxy_log(proxy.mesh, proxy.namespace, proxy.name)
    return log.all("dns", "stream_closed", "upstream_failed") if log else []
