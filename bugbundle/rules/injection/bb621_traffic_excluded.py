"""BB621: annotations take part of a pod's traffic out of the mesh."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip

PREFIX = "traffic.sidecar.istio.io/"
EXCLUDING = ("excludeInboundPorts", "excludeOutboundPorts", "excludeOutboundIPRanges", "excludeInterfaces")
DEFAULT = {"excludeInboundPorts": frozenset({"15020", "15021", "15090"})}
"""What the injection itself writes there."""


@rule(
    "BB621",
    per=Mesh,
    level=Level.INFO,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="part of the traffic of {owner} bypasses its sidecar: {what}",
    diagnosis=False,
)
def traffic_excluded(mesh: Mesh) -> Iterator[Evidence]:
    """Annotations take part of a pod's traffic out of the mesh (`traffic.sidecar.istio.io/exclude…`).

    ## Why it matters
    No mTLS, no policy, no route applies to it; a STRICT server refuses it.

    ## What to do
    Nothing, where it is meant. Else take the annotation out of the pod template.
    """
    groups: dict[tuple[Ref, str], list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        what = excluded(pod) if alive(pod) and proxied(pod) else ""
        if what:
            groups[workload(mesh, pod), what].append(pod)
    for (owner, what), pods in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "what": what},
            objects=tuple(ref(pod) for pod in pods[:20]),
            proofs=(Proof(pods[0].at("/metadata/annotations"), what),),
            affects=tuple(pod_id(pod) for pod in pods),
        )


def excluded(pod: KubeObject) -> str:
    """`excludeOutboundPorts=5432, …`; empty where nothing but the proxy's own ports is left out."""
    found = []
    for name in EXCLUDING:
        value = pod.annotations.get(PREFIX + name, "")
        parts = {part.strip() for part in value.split(",") if part.strip()}
        if parts - DEFAULT.get(name, frozenset()):
            found.append(f"{name}={clip(value, 100)}")
    return ", ".join(found)
