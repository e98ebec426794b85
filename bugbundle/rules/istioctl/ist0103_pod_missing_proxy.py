"""IST0103: a pod of a namespace with injection runs without a sidecar."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES, analysed
from bugbundle.mesh.config.injection import INJECTION, wish
from bugbundle.mesh.ref import name_of
from bugbundle.mesh.workloads.index import proxied
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0103",
    "injection.Analyzer",
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD},
    message=(
        "The pod {pod} is missing the Istio proxy. This can often be resolved by restarting or "
        "redeploying the workload."
    ),
)
def pod_missing_proxy(mesh: Mesh) -> Iterator[Hit]:
    """A pod of a namespace with injection runs without a sidecar.

    ## Why it matters
    The pod is outside of the mesh: no mTLS, so a STRICT server refuses it, and no policy or telemetry.

    ## What to do
    Restart the workload: injection happens when a pod is created. If it stays without sidecar, look at the
    webhook.
    """
    asked = {
        space.name
        for space in analysed(mesh, res.NAMESPACE)
        if space.labels.get(INJECTION) == "enabled" and space.name not in (*SYSTEM_NAMESPACES, "istio-system")
    }
    for pod in analysed(mesh, res.POD):
        outside = pod.namespace not in asked or pod.spec.get("hostNetwork") is True
        if outside or wish(pod.labels, pod.annotations) == "false" or proxied(pod):
            continue
        yield Hit(pod, {"pod": name_of(pod)}, "/spec/containers", "no container istio-proxy")
