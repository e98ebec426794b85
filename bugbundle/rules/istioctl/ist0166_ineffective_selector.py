"""IST0166: a policy selects the pods of a Gateway API gateway by labels."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.ref import Ref
from bugbundle.mesh.selectors import selector_text, workload_selector
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0166",
    "k8sgateway.SelectorAnalyzer",
    level=Level.WARNING,
    reads={res.POD},
    optional={res.AUTHORIZATION_POLICY, res.REQUEST_AUTHENTICATION, res.TELEMETRY, res.WASM_PLUGIN},
    message="Ineffective selector on Kubernetes Gateway {gateway}. Use the TargetRef field instead.",
)
def ineffective_selector(mesh: Mesh) -> Iterator[Hit]:
    """A policy selects the pods of a Gateway API gateway by labels.

    ## Why it matters
    Istio ignores selectors on such gateways and waypoints: the policy does nothing there.

    ## What to do
    Use `targetRefs`.
    """
    for resource in (res.AUTHORIZATION_POLICY, res.REQUEST_AUTHENTICATION, res.TELEMETRY, res.WASM_PLUGIN):
        for policy in analysed(mesh, resource):
            wanted = workload_selector(policy.spec)
            if not wanted or policy.spec.get("targetRef") or policy.spec.get("targetRefs"):
                continue
            for pod in index(mesh).select(wanted, policy.namespace):
                name = pod.labels.get("gateway.networking.k8s.io/gateway-name")
                if name:
                    objects = (Ref("Gateway", pod.namespace, name),)
                    yield Hit(policy, {"gateway": name}, "/spec/selector", selector_text(wanted), objects)
