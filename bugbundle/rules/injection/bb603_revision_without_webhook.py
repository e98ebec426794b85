"""BB603: a namespace asks for injection, and no webhook takes its pods."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.injection import INJECTION, MODE, REVISION, asks_for_injection, takers, webhooks, wish
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import alive, index, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB603",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.MUTATING},
    optional={res.POD, res.REPLICA_SET},
    message="namespace {name} is labelled {label}, which no injection webhook takes{offered}; {pods} "
    "there without sidecar",
    explains={"BB605", "IST0103"},
)
def revision_without_webhook(mesh: Mesh) -> Iterator[Evidence]:
    """A namespace asks for injection, and no webhook takes its pods.

    ## Why it matters
    Its pods come up without sidecar, silently: no mTLS, no policy. Most often the revision or tag in
    `istio.io/rev` is misspelled or was uninstalled.

    ## What to do
    List the revisions and tags there are (`istioctl tag list`, the webhook configurations) and correct the
    label; then restart the workloads.
    """
    hooks = webhooks(mesh)
    for space in mesh.kube.list(res.NAMESPACE):
        labels = space.labels
        if not asks_for_injection(labels) or space.name in SYSTEM_NAMESPACES or labels.get(MODE) == "ambient":
            continue
        if takers(hooks, labels, {}):
            continue
        pods = [pod for pod in index(mesh).pods_in.get(space.name, []) if alive(pod) and not proxied(pod)]
        plain = [pod for pod in pods if not takers(hooks, labels, pod.labels) and wish(pod.labels, {}) != "false"]
        label = INJECTION if labels.get(INJECTION) else REVISION
        offered = sorted({revision for hook in hooks if hook.active for revision in hook.revisions()})
        yield Evidence(
            ref(space),
            {
                "name": space.name,
                "label": f"{label}={labels[label]}",
                "pods": some(len(plain), "pod"),
                "offered": f"; there are: {', '.join(offered)}" if offered else "",
            },
            objects=tuple(dict.fromkeys(workload(mesh, pod) for pod in plain)),
            proofs=(Proof(space.at("/metadata/labels"), f"{label}={labels[label]}"),),
            affects=tuple(pod_id(pod) for pod in plain),
            level=Level.ERROR if plain else Level.WARNING,
        )
