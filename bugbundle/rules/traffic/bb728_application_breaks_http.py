"""BB728: an application answers some requests with HTTP that Envoy must not pass on."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, proof, times
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

FEWEST = 3
_PATH = re.compile(r'"[A-Z]+ (\S+) HTTP')


@rule(
    "BB728",
    per=Mesh,
    level=Level.ERROR,
    reads={Source.LOG},
    optional={res.POD, res.SERVICE, res.REPLICA_SET, res.CONFIG_MAP, Source.ENVOY_CONFIG_DUMP},
    explains={"BB720", "BB750"},
    message=(
        "{workload} answers some requests with invalid HTTP ({reason}): {requests} failed{paths}, "
        "others to the same port "
        "succeed"
    ),
)
def application_breaks_http(mesh: Mesh) -> Iterator[Evidence]:
    """Envoy finds a protocol error (UPE) in answers of a port, other requests of which succeed.

    ## Why it matters
    The port's protocol is right; the application's answer to these requests is not HTTP as Envoy must have it: two
    `Transfer-Encoding` or `Content-Length` headers, both of them together, a header with characters that are not
    allowed. Callers get 502. Without Envoy in between lenient clients took it.

    ## What to do
    Ask the application for the path itself (`curl -v http://localhost:PORT/PATH` in the pod) and read the headers:
    take out what stands there twice. Proxies and frameworks that copy the headers of another server's answer are the
    usual reason.
    """
    groups: dict[tuple[Ref, int], list[Fault]] = defaultdict(list)
    pods: dict[tuple[Ref, int], list[KubeObject]] = {}
    for fault in failures(mesh).flagged(("UPE",)):
        if not fault.recent or fault.good is None or fault.total <= fault.count:
            continue
        service = called(mesh, fault) if not fault.inbound else None
        behind = index(mesh).pods_of(service) if service else [fault.proxy.pod] if fault.proxy.pod else []
        if behind:
            key = (workload(mesh, behind[0]), 0)
            groups[key].append(fault)
            pods[key] = behind
    for key, found in groups.items():
        if times(found) < FEWEST:
            continue
        services = [ref(one) for pod in pods[key][:5] for one in index(mesh).services_of(pod)]
        paths = list(dict.fromkeys(match[1].partition("?")[0] for one in found if (match := _PATH.search(one.text))))
        yield Evidence(
            key[0],
            {
                "workload": key[0],
                "reason": found[-1].whole or found[-1].details or "UPE",
                "requests": some(times(found), "request"),
                "paths": f", the last for {paths[-1]}" if paths else "",
            },
            objects=(*dict.fromkeys(services), *map(ref, pods[key][:20]), *dict.fromkeys(ref(f.proxy) for f in found)),
            proofs=tuple(proof(fault) for fault in found[-2:]),
            affects=tuple(dict.fromkeys(fault.proxy.id for fault in found)),
            confidence=Confidence.LIKELY,
            at=max((fault.at for fault in found if fault.at), default=None),
        )
