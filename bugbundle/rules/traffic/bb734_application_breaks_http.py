"""An application whose answers are no valid HTTP."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, proof, times
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import ClusterName, workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.symptoms.model import State
from bugbundle.symptoms.requests import symptom_of

_PATH = re.compile(r'"[A-Z]+ (\S+) HTTP')
FEWEST = 3


@rule(
    "BB734",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG},
    optional={res.POD, res.SERVICE, res.CONFIG_MAP, res.REPLICA_SET},
    explains={"BB720", "BB750"},
    message=(
        "the application {workload} breaks HTTP in its answers on port {port}{paths}: Envoy refused {count} of them"
        " (502, UPE protocol_error), while {good} other requests to the same port succeeded"
    ),
)
def application_breaks_http(mesh: Mesh) -> Iterator[Evidence]:
    """Envoy refuses some answers of an application as invalid HTTP, while others on the same port are good.

    So the port speaks HTTP, and its name is right; these answers are wrong: two `Transfer-Encoding` headers, both
    `Content-Length` and `Transfer-Encoding`, a body behind 204, illegal characters in a header.

    ## Why it matters
    Without a proxy lenient clients accept such answers; Envoy closes the connection and answers 502.

    ## What to do
    Correct the application: ask the path that fails inside the pod (`curl -v localhost:PORT/PATH`) and look for doubled
    or contradicting headers. Its web framework or a proxy library that copies hop-by-hop headers is the usual reason.
    """
    groups: dict[tuple[Ref, int], list[Fault]] = defaultdict(list)
    for fault in failures(mesh).flagged(("UPE",)):
        pod = fault.proxy.pod
        others = fault.inbound and fault.total > fault.count and "protocol_error" in fault.whole
        if pod is not None and others and symptom_of(mesh, fault).state is State.NOW:
            groups[workload(mesh, pod), ClusterName(fault.cluster).port].append(fault)
    for (owner, port), found in groups.items():
        if times(found) < FEWEST:
            continue
        pods = [fault.proxy.pod for fault in found if fault.proxy.pod is not None]
        services = dict.fromkeys(ref(one) for pod in pods for one in index(mesh).services_of(pod))
        paths = sorted({match[1] for fault in found if (match := _PATH.search(fault.text))})
        yield Evidence(
            owner,
            {
                "workload": f"{owner.namespace}/{owner.name}",
                "port": port,
                "paths": f" to {paths[0]}" if len(paths) == 1 else "",
                "count": times(found),
                "good": sum(one.total - one.count for one in found),
            },
            objects=(*services, *(ref(pod) for pod in pods), *_clients(mesh, set(services))),
            proofs=tuple(proof(fault) for fault in found[-3:]),
            affects=tuple(dict.fromkeys(fault.proxy.id for fault in found)),
            confidence=Confidence.LIKELY,
            at=found[-1].at,
        )


def _clients(mesh: Mesh, services: set[Ref]) -> tuple[Ref, ...]:
    """The proxies that logged the same failure on the client's side."""
    seen = failures(mesh).flagged(("UPE",))
    near = [one for one in seen if not one.inbound and (service := called(mesh, one)) and ref(service) in services]
    return tuple(dict.fromkeys(ref(one.proxy) for one in near))[:20]
