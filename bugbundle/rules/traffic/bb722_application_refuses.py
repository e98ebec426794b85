"""BB722: a proxy cannot connect to the application beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.bundle.manifest import parse_time
from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.parts import PROXY_CONTAINER, container_statuses
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import index, ready
from bugbundle.mesh.workloads.owners import ClusterName, workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.rules.traffic.backends import port_numbers
from bugbundle.words import some

FEWEST = 3


@rule(
    "BB722",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG, res.POD},
    optional={res.SERVICE, res.REPLICA_SET, res.CONFIG_MAP},
    explains={"BB750"},
    message=(
        "the application of {owner} does not take connections on port {port} of its pod (does it listen on 127.0.0.1"
        " alone?): {requests} refused{pods}"
    ),
)
def application_refuses(mesh: Mesh) -> Iterator[Evidence]:
    """The proxies of ready pods cannot connect to the application beside them, on a port that it declares.

    ## Why it matters
    Callers get 503. The proxy connects to the pod's own address: an application that listens on 127.0.0.1 alone is
    reached by nobody, while its own probes may succeed.

    ## What to do
    Let the application listen on 0.0.0.0 (or ::), on the port that the container declares; look at its log for whether
    it listens at all. Where it must stay on 127.0.0.1, a Sidecar with `ingress.defaultEndpoint: 127.0.0.1:PORT` sends
    there.
    """
    groups: dict[tuple[Ref, int], list[Fault]] = defaultdict(list)
    for fault in failures(mesh).flagged(("UF",)):
        parts = ClusterName(fault.cluster)
        pod = fault.proxy.pod
        refused = "refused" in (fault.reason + fault.details + fault.text).lower()
        if parts.direction != "inbound" or pod is None or not fault.recent or not refused or not ready(pod):
            continue
        if parts.port in port_numbers(pod) and not _restarted(pod, fault):
            groups[workload(mesh, pod), parts.port].append(fault)
    for (owner, port), found in groups.items():
        pods = list(dict.fromkeys(fault.proxy for fault in found))
        if times(found) < FEWEST:
            continue
        services = [ref(one) for proxy in pods if proxy.pod for one in index(mesh).services_of(proxy.pod)]
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "port": port,
                "requests": f"{some(times(found), 'connection')} of its own proxy",
                "pods": f" in {some(len(pods), 'pod')}" if len(pods) > 1 else "",
            },
            objects=(*dict.fromkeys(services), *(ref(proxy) for proxy in pods[:20])),
            proofs=tuple(proof(fault) for fault in found[-3:]),
            affects=tuple(proxy.id for proxy in pods),
            confidence=Confidence.LIKELY,
        )


def _restarted(pod: KubeObject, fault: Fault) -> bool:
    """Whether a container of the application came up after the request: it may listen by now."""
    starts = [
        parse_time(as_dict(as_dict(status.get("state")).get("running")).get("startedAt"))
        for status in container_statuses(pod)
        if status.get("name") != PROXY_CONTAINER
    ]
    return any(start and fault.at and start > fault.at for start in starts)
