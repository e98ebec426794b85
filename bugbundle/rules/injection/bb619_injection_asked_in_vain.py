"""BB619: a pod asks for a sidecar, and no webhook hears it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.injection import INJECT, REVISION, asks_for_injection, takers, webhooks
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, captured, index, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB619",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE, res.POD, res.MUTATING},
    optional={res.REPLICA_SET},
    message="{pods} of {owner} without sidecar although asked for ({how}): {why}",
    explains={"IST0103"},
)
def injection_asked_in_vain(mesh: Mesh) -> Iterator[Evidence]:
    """A pod asks for a sidecar, and no webhook hears it.

    ## Why it matters
    It runs outside of the mesh, without a word.

    ## What to do
    The webhooks look at labels only: make the annotation `sidecar.istio.io/inject` a label of the pod template. Where
    Istio was installed with revisions and no default tag, add `istio.io/rev` with a revision or tag that there is.
    """
    hooks, known = webhooks(mesh), index(mesh)
    groups: dict[tuple[Ref, str, str], list[KubeObject]] = defaultdict(list)
    for name, pods in known.pods_in.items():
        space = known.labels_of(name)
        if name in SYSTEM_NAMESPACES or asks_for_injection(space) or not space:
            continue
        for pod in pods:
            how = asked(pod) if alive(pod) and not proxied(pod) and not captured(pod) else ""
            if how and pod.spec.get("hostNetwork") is not True and not takers(hooks, space, pod.labels):
                groups[workload(mesh, pod), how, why(pod, space)].append(pod)
    for (owner, how, reason), pods in groups.items():
        yield Evidence(
            owner,
            {"owner": str(owner), "pods": some(len(pods), "pod"), "how": how, "why": reason},
            objects=(Ref("Namespace", "", owner.namespace), *(ref(pod) for pod in pods[:20])),
            proofs=(Proof(pods[0].at("/metadata"), how),),
            affects=tuple(pod_id(pod) for pod in pods),
        )


def asked(pod: KubeObject) -> str:
    """How a pod asks: `label …` or `annotation …`; empty where it does not, or says no."""
    if pod.labels.get(INJECT) == "false" or "istio" in pod.labels.get("app", ""):
        return ""
    if pod.labels.get(INJECT) == "true":
        return f"label {INJECT}=true"
    return f"annotation {INJECT}=true" if pod.annotations.get(INJECT) == "true" else ""


def why(pod: KubeObject, namespace: dict[str, str]) -> str:
    """Why no webhook takes it."""
    if pod.labels.get(INJECT) != "true":
        return "the webhooks read labels only, and the namespace asks for nothing"
    if namespace.get("istio-injection"):
        return f"its namespace says istio-injection={namespace['istio-injection']}"
    revision = pod.labels.get(REVISION)
    return f"no webhook is for revision {revision}" if revision else "no webhook is for pods that name no revision"
