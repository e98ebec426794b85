"""BB109: nobody leads: the lease of a controller of istiod is held by a pod that is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import some

LEASE = "leases.coordination.k8s.io"
LATE = timedelta(minutes=2)
"""A holder renews every few seconds; another takes over when the lease (30 s) has run out."""


@rule(
    "BB109",
    per=Mesh,
    level=Level.WARNING,
    reads={LEASE, res.POD},
    optional={res.CONFIG_MAP},
    message="no istiod leads {what} since {age}: {leases} by {holder}, which is gone",
)
def leader_gone(mesh: Mesh) -> Iterator[Evidence]:
    """A lease of istiod's leader election has run out, and the pod that held it does not exist.

    ## Why it matters
    One replica at a time writes status (conditions of Gateways, routes, Services), makes the pods of Gateways and keeps
    `istio-ca-root-cert` in each namespace. Without a leader these stand still, while pushes to proxies go on.

    ## What to do
    Look at istiod's log for `leader election` and at whether its Role may update leases; restart istiod.
    """
    living = {ref(pod) for pod in mesh.kube.list(res.POD)}
    spaces = {one.namespace for one in mesh.istiods if one.pod is not None}
    groups: dict[Ref, list[KubeObject]] = defaultdict(list)
    for lease in mesh.kube.list(LEASE):
        holder = as_text(lease.spec.get("holderIdentity"))
        held_by = Ref("Pod", lease.namespace, holder)
        renewed = parse_time(lease.spec.get("renewTime"))
        late = bool(mesh.now and renewed and mesh.now - renewed > LATE)
        if lease.namespace in spaces and lease.name.startswith("istio-") and holder and late and held_by not in living:
            groups[held_by].append(lease)
    for pod, leases in groups.items():
        renewed = max((time for one in leases if (time := parse_time(one.spec.get("renewTime")))), default=None)
        yield Evidence(
            ref(leases[0]),
            {
                "what": ", ".join(one.name.removeprefix("istio-") for one in leases[:3]),
                "age": span((mesh.now - renewed).total_seconds()) if mesh.now and renewed else "long",
                "leases": some(len(leases), "lease") + " held",
                "holder": pod.name,
            },
            objects=(pod, *(ref(one) for one in mesh.istiods)),
            proofs=tuple(Proof(one.at("/spec"), f"{one.name}: holder {pod.name}") for one in leases[:3]),
            confidence=Confidence.LIKELY,
        )
