"""IST0127: an AuthorizationPolicy applies to no workload of the mesh."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.meshconfig import root_namespace
from bugbundle.mesh.selectors import selector_text, workload_selector
from bugbundle.mesh.workloads.index import index
from bugbundle.rules.istioctl.membership import in_mesh
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0127",
    "auth.AuthorizationPoliciesAnalyzer",
    level=Level.WARNING,
    reads={res.AUTHORIZATION_POLICY, res.POD},
    optional={res.NAMESPACE, res.CONFIG_MAP},
    message="No matching workloads for this resource with the following labels: {labels}",
)
def no_matching_workloads(mesh: Mesh) -> Iterator[Hit]:
    """An AuthorizationPolicy applies to no workload of the mesh.

    ## Why it matters
    It protects nothing.

    ## What to do
    Correct the selector, or bring the workloads into the mesh.
    """
    root = root_namespace(mesh)
    spaces = index(mesh)
    for policy in analysed(mesh, res.AUTHORIZATION_POLICY):
        wanted = workload_selector(policy.spec)
        if policy.namespace == root and wanted is None:
            continue
        pods = spaces.select(wanted or {}, "" if policy.namespace == root else policy.namespace)
        if not any(in_mesh(pod, spaces.labels_of(pod.namespace)) for pod in pods):
            text = selector_text(wanted or {})
            yield Hit(policy, {"labels": text}, "/spec/selector", f"selector: {text}")
