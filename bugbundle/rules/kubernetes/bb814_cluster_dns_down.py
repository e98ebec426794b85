"""BB814: the cluster's DNS has no ready pod."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh, Proxy
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.signals.logs import Line, proxy_log
from bugbundle.mesh.workloads.index import index, ready
from bugbundle.rules.model import Evidence, Level, rule

SHOWN = 50


@rule(
    "BB814",
    per=Mesh,
    level=Level.ERROR,
    reads={res.DEPLOYMENT, res.POD},
    optional={res.SERVICE, Source.LOG},
    message="{name} has no ready pod (0 of {wanted}): no name of the cluster can be looked up{proxies}",
    explains={"BB203", "BB208", "BB302", "BB306", "BB410", "BB553", "BB701", "BB704", "BB750", "BB801"},
)
def cluster_dns_down(mesh: Mesh) -> Iterator[Evidence]:
    """The cluster's DNS has no ready pod.

    ## Why it matters
    Applications find nobody by name; agents that must connect anew do not find istiod.

    ## What to do
    Look at the DNS pods: their log («Loop», «plugin/errors»), their ConfigMap, their events.
    """
    for item in mesh.kube.list(res.DEPLOYMENT):
        wanted = item.spec.get("replicas", 1)
        if not serves_dns(item) or item.status.get("availableReplicas") or wanted == 0:
            continue
        selector = texts(as_dict(item.spec.get("selector")).get("matchLabels"))
        pods = index(mesh).select(selector, item.namespace) if selector else []
        if any(ready(pod) for pod in pods):
            continue
        lost = list(lookups_failed(mesh))
        services = dict.fromkeys(ref(service) for pod in pods for service in index(mesh).services_of(pod))
        yield Evidence(
            ref(item),
            {
                "name": str(ref(item)),
                "wanted": wanted,
                "proxies": f"; {len(lost)} agents say so of istiod" if lost else "",
            },
            objects=(*(ref(pod) for pod in pods), *services, *(ref(proxy) for proxy, _ in lost[:SHOWN])),
            proofs=(
                Proof(item.at("/status"), f"availableReplicas: 0 of {wanted}"),
                *(line.proof for _, line in lost[:1]),
            ),
            affects=tuple(proxy.id for proxy, _ in lost),
        )


def serves_dns(item: KubeObject) -> bool:
    """Whether a Deployment is the cluster's DNS: CoreDNS or kube-dns, by the label that distributions keep."""
    labels = texts(as_dict(as_dict(item.spec.get("template")).get("metadata")).get("labels"))
    return item.namespace == "kube-system" and labels.get("k8s-app") in ("kube-dns", "coredns")


def lookups_failed(mesh: Mesh) -> Iterator[tuple[Proxy, Line]]:
    """The proxies whose agent could not look up istiod near the capture."""
    for proxy in mesh.proxies:
        log = proxy_log(mesh, proxy.namespace, proxy.name)
        lines = log.recent("dns", "lookup") if log else []
        if lines:
            yield proxy, lines[-1]
