"""BB711: a Sidecar leaves out a Service that its workloads call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.visibility import lets_see, sidecar_of
from bugbundle.mesh.ref import Ref, name_of, ref
from bugbundle.mesh.signals.access import Fault
from bugbundle.mesh.signals.failures import called, failures, proof, times
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB711",
    per=Mesh,
    level=Level.ERROR,
    reads={res.SIDECAR, res.SERVICE, Source.LOG},
    optional={res.POD, res.CONFIG_MAP, Source.ENVOY_CONFIG_DUMP},
    explains={"BB719", "BB750", "BB301"},
    message="Sidecar {sidecar} leaves out Service {service}, which its workloads call: {requests} failed",
)
def sidecar_hides_host(mesh: Mesh) -> Iterator[Evidence]:
    """Requests to a Service fail for want of a route, and the caller's Sidecar does not let it see that Service.

    ## Why it matters
    The proxy gets no cluster and no route for what `egress.hosts` leaves out: requests end in the BlackHoleCluster
    (502), without a route (404, response flag NR), or go out unchanged and without mTLS.

    ## What to do
    Add the host to `egress.hosts` of the Sidecar: `namespace/host`, or `namespace/*`.
    """
    groups: dict[tuple[Ref, Ref], list[Fault]] = defaultdict(list)
    hiding: dict[Ref, KubeObject] = {}
    for fault in failures(mesh).lost():
        service = called(mesh, fault)
        sidecar = sidecar_of(mesh, fault.proxy.pod) if service is not None and fault.proxy.pod else None
        if service is not None and sidecar is not None and not lets_see(sidecar, service):
            groups[ref(sidecar), ref(service)].append(fault)
            hiding[ref(sidecar)] = sidecar
    for (sidecar_ref, service_ref), found in groups.items():
        sidecar = hiding[sidecar_ref]
        proxies = tuple(dict.fromkeys(fault.proxy.id for fault in found))
        yield Evidence(
            sidecar_ref,
            {
                "sidecar": name_of(sidecar),
                "service": f"{service_ref.namespace}/{service_ref.name}",
                "requests": some(times(found), "request"),
            },
            objects=(service_ref, *dict.fromkeys(ref(fault.proxy) for fault in found)),
            proofs=tuple(proof(fault) for fault in found[-2:]),
            affects=proxies,
            confidence=Confidence.LIKELY,
        )
