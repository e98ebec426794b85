"""BB817: a proxy may use hardly any CPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.parts import containers
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import PROXY, alive, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule

TINY = 100
"""Thousandths of a CPU: what the chart requests as a minimum."""


@rule(
    "BB817",
    per=Mesh,
    level=Level.INFO,
    reads={res.POD},
    optional={res.REPLICA_SET},
    message="the proxy of {owner} is limited to {limit} CPU: it will be throttled",
    diagnosis=False,
)
def proxy_limit_tiny(mesh: Mesh) -> Iterator[Evidence]:
    """A proxy's CPU limit is below 100m.

    ## Why it matters
    A throttled Envoy takes pushes late (STALE), becomes ready late and adds to every request's time.

    ## What to do
    Raise it: `sidecar.istio.io/proxyCPULimit`, or `global.proxy.resources.limits.cpu`.
    """
    groups: dict[tuple[Ref, str], list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        for container in containers(pod) if alive(pod) and proxied(pod) else ():
            limit = as_text(as_dict(as_dict(container.get("resources")).get("limits")).get("cpu"))
            if container.get("name") == PROXY and (amount := thousandths(limit)) is not None and amount < TINY:
                groups[workload(mesh, pod), limit].append(pod)
    for (owner, limit), pods in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "limit": limit},
            objects=tuple(ref(pod) for pod in pods[:20]),
            proofs=(Proof(pods[0].at("/spec"), f"{pods[0]}: limits.cpu {limit}"),),
            affects=tuple(pod_id(pod) for pod in pods),
            confidence=Confidence.POSSIBLE,
        )


def thousandths(text: str) -> float | None:
    """`50m` → 50, `0.05` → 50; None where it is no amount of CPU."""
    try:
        return float(text.removesuffix("m")) * (1 if text.endswith("m") else 1000)
    except ValueError:
        return None
