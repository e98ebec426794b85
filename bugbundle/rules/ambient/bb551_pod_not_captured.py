"""A pod of ambient that its ztunnel does not serve."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Pointer, Ztunnel
from bugbundle.mesh.config.ztunnels import pods_of_node
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.owners import workload
from bugbundle.mesh.workloads.pod_age import seconds
from bugbundle.rules.model import Evidence, Level, rule

SETTLING = 30.0


@rule(
    "BB551",
    per=Ztunnel,
    level=Level.ERROR,
    reads={Source.ZTUNNEL_CONFIG_DUMP, "pods"},
    explains={"BB555", "BB557"},
    message="pod {pod} is captured by ambient, and {ztunnel} of its node {what}",
)
def pod_not_captured(ztunnel: Ztunnel) -> Iterator[Evidence]:
    """A pod is annotated `ambient.istio.io/redirection: enabled`, and the ztunnel of its node runs no proxy for it, or
    has it with protocol TCP in place of HBONE.

    ## Why it matters
    Redirected traffic finds nobody who takes it: connections are refused. With protocol TCP, peers send plain text.

    ## What to do
    Look at the log of istio-cni on that node (sending the pod to ztunnel), then delete the pod.
    """
    states = ztunnel.config.get("workloadState")
    rows = {as_text(row.get("uid")).partition("/Pod/")[2]: row for row in ztunnel.table("workloads") or ()}
    if not isinstance(states, dict) or not ztunnel.node_name:
        return
    for pod in pods_of_node(ztunnel):
        what = _wrong(ztunnel, pod, states, rows)
        if what:
            yield Evidence(
                origin=ref(pod),
                values={"pod": f"{pod.name}.{pod.namespace}", "ztunnel": ztunnel.id, "what": what},
                objects=(ref(ztunnel), workload(ztunnel.mesh, pod)),
                proofs=(Proof(Pointer(ztunnel.entry("config_dump.json"), "/workloadState"), f"{len(states)} pods"),),
                affects=(f"{pod.name}.{pod.namespace}",),
            )


def _wrong(ztunnel: Ztunnel, pod: KubeObject, states: dict[str, object], rows: dict[str, dict[str, object]]) -> str:
    age = seconds(ztunnel.mesh.bundle.at(ztunnel.entry("config_dump.json")), pod.created)
    if age is not None and age < SETTLING:
        return ""
    state = as_dict(states.get(as_text(pod.metadata.get("uid"))))
    if not state:
        return "runs no proxy for it"
    if as_text(state.get("state")) not in ("", "Up"):
        return f"has its proxy in state {as_text(state.get('state'))}"
    protocol = as_text(rows.get(f"{pod.namespace}/{pod.name}", {}).get("protocol"))
    return f"knows it with protocol {protocol}" if protocol not in ("", "HBONE") else ""
