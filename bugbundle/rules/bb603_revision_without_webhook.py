"""BB603: a namespace asks for injection, and no webhook takes its pods."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.rules.lib import resources as res
from bugbundle.rules.lib.index import alive, index, pod_id, proxied
from bugbundle.rules.lib.injection import INJECTION, MODE, REVISION, asks_for_injection, takers, webhooks, wish
from bugbundle.rules.lib.istioctl import SYSTEM_NAMESPACES
from bugbundle.rules.lib.owners import workload
from bugbundle.rules.lib.words import some
from bugbundle.rules.model import Evidence, Level, Proof, ref, rule


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
