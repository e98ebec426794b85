"""BB622: injection is asked for on a workload, not on its pods."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import INJECT, wish
from bugbundle.mesh.kube import as_dict, texts
from bugbundle.mesh.parts import PROXY_CONTAINER, containers
from bugbundle.mesh.ref import Proof, Ref, name_of, ref
from bugbundle.mesh.workloads.index import alive, pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

KINDS = (res.DEPLOYMENT, res.STATEFUL_SET, "daemonsets.apps")
ASKS = (INJECT, "istio.io/rev")


@rule(
    "BB622",
    per=Mesh,
    level=Level.WARNING,
    reads={res.POD},
    optional={*KINDS, res.REPLICA_SET},
    message="{kind} {name} asks for injection ({ask}) in its own metadata, not in its pod template: {pods} without"
    " sidecar",
)
def injection_label_not_on_template(mesh: Mesh) -> Iterator[Evidence]:
    """A Deployment, StatefulSet or DaemonSet carries the label for injection, and its pod template does not.

    The webhook sees pods, and decides by the labels of the pod and of its namespace. Labels of the workload itself do
    not count.

    ## Why it matters
    Its pods have no sidecar: no mTLS, no policies, no telemetry, though it looks as if it were in the mesh.

    ## What to do
    Move the label to `spec.template.metadata.labels`, as `sidecar.istio.io/inject: "true"`. The pods are then replaced.
    """
    owners: dict[Ref, list[KubeObject]] = defaultdict(list)
    for pod in mesh.kube.list(res.POD):
        if alive(pod) and not _has_proxy(pod):
            owners[workload(mesh, pod)].append(pod)
    for kind in KINDS:
        for item in mesh.kube.list(kind):
            ask = _ask(item)
            pods = owners.get(ref(item), []) if ask else []
            if pods:
                yield Evidence(
                    ref(item),
                    {"kind": item.kind, "name": name_of(item), "ask": ask, "pods": some(len(pods), "pod")},
                    objects=tuple(ref(pod) for pod in pods[:20]),
                    proofs=(
                        Proof(item.at("/metadata/labels"), ask),
                        Proof(item.at("/spec/template/metadata"), "nothing about injection"),
                    ),
                    affects=tuple(pod_id(pod) for pod in pods),
                )


def _ask(item: KubeObject) -> str:
    """`sidecar.istio.io/inject=true` where the object asks and its template says nothing."""
    template = as_dict(as_dict(item.spec.get("template")).get("metadata"))
    labels, annotations = texts(template.get("labels")), texts(template.get("annotations"))
    if wish(labels, annotations) or labels.get("istio.io/rev"):
        return ""
    if wish(item.labels, item.annotations) == "true":
        return f"{INJECT}=true"
    revision = item.labels.get("istio.io/rev")
    return f"istio.io/rev={revision}" if revision and not item.labels.get("operator.istio.io/component") else ""


def _has_proxy(pod: KubeObject) -> bool:
    return any(one.get("name") == PROXY_CONTAINER for one in containers(pod))
