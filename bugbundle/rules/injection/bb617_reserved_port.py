"""BB617: an application uses a port of the sidecar."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import PROXY, alive, pod_id, proxied, pure_proxy
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

RESERVED = frozenset({15000, 15001, 15004, 15006, 15008, 15020, 15021, 15053, 15090})
"""istio.io, «Application requirements»: ports used by Istio, those inside of the pod's network."""


@rule(
    "BB617",
    per=Mesh,
    level=Level.WARNING,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="container {container} of {owner} declares port {port}, which its sidecar uses ({pods})",
    explains={"BB305", "BB306", "BB308", "BB702", "BB722"},
)
def reserved_port(mesh: Mesh) -> Iterator[Evidence]:
    """An application declares a port that the sidecar in its pod uses.

    ## Why it matters
    One of the two cannot bind it: the application fails, or the proxy does not become ready.

    ## What to do
    Let the application listen elsewhere (15000 to 15090 are Istio's).
    """
    groups: dict[tuple[Ref, str, int], list[tuple[KubeObject, str]]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        if not alive(pod) or not proxied(pod) or pure_proxy(pod):
            continue
        for number, container in enumerate(dicts(pod.spec.get("containers"))):
            for port in dicts(container.get("ports")) if container.get("name") != PROXY else ():
                value = port.get("containerPort")
                if value in RESERVED:
                    key = (workload(mesh, pod), str(container.get("name")), int(value))
                    groups[key].append((pod, f"/spec/containers/{number}/ports"))
    for (owner, name, value), group in groups.items():
        pod, place = group[0]
        yield Evidence(
            owner,
            {"owner": str(owner), "container": name, "port": value, "pods": some(len(group), "pod")},
            objects=tuple(ref(one) for one, _ in group[:20]),
            proofs=(Proof(pod.at(place), f"{pod}: containerPort {value}"),),
            affects=tuple(pod_id(one) for one, _ in group),
        )
