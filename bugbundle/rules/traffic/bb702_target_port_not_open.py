"""BB702: a Service sends to a port that its pods do not offer."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.signals.failures import failures, proof, times
from bugbundle.mesh.workloads.index import pod_id
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.rules.traffic.backends import numeric_ports, port_numbers


@rule(
    "BB702",
    per=Mesh,
    level=Level.ERROR,
    reads={res.SERVICE, res.POD},
    optional={Source.LOG},
    message="Service {service} sends to port {target} of its pods, which declare {declared}{proof}",
    explains={"BB302", "BB750"},
)
def target_port_not_open(mesh: Mesh) -> Iterator[Evidence]:
    """A Service sends to a port that its pods do not offer.

    ## Why it matters
    The pods' own proxies, or the pods, refuse the connection: callers get 503 (response flag UF in the access
    log of the called pod, `via_upstream` at the caller).

    ## What to do
    Set the Service's `targetPort` to the port that the application listens on.
    """
    for service, number, port, pods in numeric_ports(mesh):
        target = port["targetPort"]
        declared = sorted({n for pod in pods for n in port_numbers(pod)})
        if not declared or target in declared:
            continue
        refused = [f for pod in pods for f in failures(mesh).inbound(pod_id(pod), target, "UF")]
        named = [p.get("targetPort", p.get("port")) for p in dicts(service.spec.get("ports"))]
        alone = len(declared) == 1 and declared[0] not in named
        level = Level.ERROR if refused or alone else Level.WARNING
        shown = Proof(service.at(f"/spec/ports/{number}/targetPort"), f"targetPort: {target}")
        offered = Proof(pods[0].at("/spec/containers"), f"containers declare {', '.join(map(str, declared))}")
        yield Evidence(
            ref(service),
            {
                "service": name_of(service),
                "target": target,
                "declared": ", ".join(map(str, declared)),
                "proof": f"; connections to it are refused ({times(refused)} in the access log)" if refused else "",
            },
            objects=tuple(ref(pod) for pod in pods[:20]),
            proofs=(shown, offered, *(proof(fault) for fault in refused[-2:])),
            affects=tuple(pod_id(pod) for pod in pods),
            level=level,
            confidence=Confidence.CERTAIN if refused else Confidence.LIKELY if alone else Confidence.POSSIBLE,
        )
