"""BB804: a workload's pods cannot be created."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.workloads.refusals import because_of_sidecar, failing_hook, refused
from bugbundle.rules.lib.refusals import blind
from bugbundle.rules.model import Blind, Evidence, Level, rule
from bugbundle.words import clip


@rule(
    "BB804",
    per=Mesh,
    level=Level.ERROR,
    reads=set(),
    optional={
        res.REPLICA_SET,
        res.EVENT,
        res.DEPLOYMENT,
        res.STATEFUL_SET,
        "daemonsets.apps",
        "jobs.batch",
        "resourcequotas",
    },
    message="{owner} cannot create pods: {text}",
    explains={"BB101", "BB151", "BB153", "BB302", "BB503", "BB511", "BB512", "BB701", "BB704"},
)
def pods_not_created(mesh: Mesh) -> Iterator[Evidence | Blind]:
    """A workload's pods cannot be created.

    ## Why it matters
    It has fewer pods than it should, perhaps none.

    ## What to do
    Read the reason. «failed quota … must specify limits»: the quota wants limits that the injected containers lack; set
    `global.proxy.resources` and `global.proxy_init.resources`, or `sidecar.istio.io/proxyCPULimit` on the pod template,
    or a LimitRange with defaults. «security context constraint», «PodSecurity»: allow it for the ServiceAccount or the
    namespace (OpenShift: `global.platform=openshift`).
    """
    yield from blind(mesh)
    for owner, item, proof, text in refused(mesh):
        if "istio.io" in failing_hook(text) or because_of_sidecar(text):
            continue
        yield Evidence(
            owner,
            {"owner": str(owner), "text": clip(text)},
            objects=(ref(item), *_named(mesh, owner, text)),
            proofs=(proof,),
            affects=(f"{owner.name}.{owner.namespace}",),
        )


def _named(mesh: Mesh, owner: Ref, text: str) -> Iterator[Ref]:
    """The quota, or the limits of the namespace, that the API server names."""
    quota = re.search(r"(?:failed|exceeded) quota: ([\w.-]+)", text)
    if quota:
        yield Ref("ResourceQuota", owner.namespace, quota[1])
    if re.search(r"(?:minimum|maximum) (?:cpu|memory|storage) (?:usage|limit)", text):
        yield from (ref(one) for one in mesh.kube.list("limitranges") if one.namespace == owner.namespace)
    if "PodSecurity" in text:
        yield Ref("Namespace", "", owner.namespace)
