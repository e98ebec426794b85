"""BB610: pods cannot be created because an injection webhook fails."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.injection import takers, webhooks
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.workloads.index import index
from bugbundle.mesh.workloads.refusals import failing_hook, refused
from bugbundle.rules.lib.refusals import blind
from bugbundle.rules.model import Blind, Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB610",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={
        res.REPLICA_SET,
        res.EVENT,
        "daemonsets.apps",
        "jobs.batch",
        res.NAMESPACE,
        res.MUTATING,
        res.DEPLOYMENT,
        res.STATEFUL_SET,
    },
    message="{owner} cannot create pods: webhook {hook} fails: {text}",
    explains={"BB701", "BB704"},
)
def injection_refuses_pods(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """Pods cannot be created because an injection webhook fails.

    ## Why it matters
    The workload has fewer pods than it should, perhaps none: the API server refuses each pod whose webhook it
    cannot call.

    ## What to do
    Repair or remove the webhook that the message names. «context deadline exceeded»: the API server does not reach
    istiod's port 15017 (a firewall of a private cluster, a NetworkPolicy, a CNI that the API server is no part of).
    «Service Unavailable»: the API server goes through a proxy, add `.svc` to its `no_proxy`. «denied the request»: an
    annotation of the pod template that the text quotes.
    """
    yield from blind(mesh)
    for owner, item, proof, text in refused(mesh):
        hook = failing_hook(text)
        if not hook or "istio.io" not in hook:
            continue
        space = index(mesh).namespaces.get(item.namespace)
        guilty = [one for one in takers(webhooks(mesh), space.labels if space else {}, {}) if one.name == hook]
        yield Evidence(
            owner,
            {"owner": str(owner), "hook": hook, "text": clip(text)},
            objects=(
                *dict.fromkeys(ref(one.config) for one in guilty),
                *(Ref("Service", *one.service) for one in guilty if one.service),
                Ref("Namespace", "", item.namespace),
                ref(item),
            ),
            proofs=(proof,),
            affects=(f"{owner.name}.{owner.namespace}",),
        )
