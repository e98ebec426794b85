"""NetworkPolicies, injection webhooks and their tags: what they select.

Sources: networking.k8s.io/v1 (a policy without podSelector labels is for all pods of its namespace);
manifests/charts/istio-control/istio-discovery/templates/{mutatingwebhook,revision-tags-mwc}.yaml.
"""

from __future__ import annotations

from bugbundle.effect.model import Effect, Reason, Trace, Why
from bugbundle.effect.world import world
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import webhooks
from bugbundle.mesh.kube import as_dict
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.selectors import matches
from bugbundle.mesh.workloads.index import alive, index, pod_id


def network_policy(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of one NetworkPolicy: the pods that it selects."""
    chosen = [
        pod
        for pod in index(mesh).pods_in.get(item.namespace, [])
        if alive(pod) and matches(item.spec.get("podSelector"), pod.labels, absent=True)
    ]
    effect = Effect(item, tuple(map(pod_id, chosen)), tuple(Trace(pod_id(pod), "selected") for pod in chosen))
    if not chosen:
        place = "/spec/podSelector"
        text = f"selects no pod of namespace {item.namespace}"
        proofs = (Proof(item.at(place), str(as_dict(item.spec.get("podSelector")))),)
        effect.why = (
            Why(
                Reason.NO_TARGET, text, "Write labels that the pods have into podSelector.", "", (), proofs, advice=True
            ),
        )
    return effect


def mutating_webhook(mesh: Mesh, item: KubeObject) -> Effect:
    """The effect of an injection webhook's configuration, or of a revision tag: the namespaces that "
    "it takes pods of."""
    hooks = [hook for hook in webhooks(mesh) if hook.config is item]
    spaces = [
        space
        for space in mesh.kube.list(res.NAMESPACE)
        if any(
            hook.takes(space.labels, {}) or hook.takes(space.labels, {"sidecar.istio.io/inject": "true"})
            for hook in hooks
        )
    ]
    effect = Effect(
        item, tuple(space.name for space in spaces), tuple(Trace(space.name, "its pods go there") for space in spaces)
    )
    revision = item.labels.get("istio.io/rev", "")
    if hooks and not any(hook.active for hook in hooks):
        effect.notes = ("deactivated: a tag or another configuration has taken its place",)
    elif hooks and revision and world(mesh).revisions and revision not in world(mesh).revisions:
        text = (
            f"leads to revision {revision}, and the istiods that run are of {', '.join(sorted(world(mesh).revisions))}"
        )
        todo = (
            f"Point it to a revision that runs (istioctl tag set {item.labels.get('istio.io/tag', 'TAG')} "
            "--revision …), or remove it."
        )
        proofs = (Proof(item.at("/metadata/labels"), f"istio.io/rev={revision}"),)
        effect.why = (
            Why(
                Reason.NO_CONTROL_PLANE,
                text,
                todo,
                "",
                tuple(map(ref, spaces[:10])),
                proofs,
                told="BB602",
                advice=not spaces,
            ),
        )
    return effect
