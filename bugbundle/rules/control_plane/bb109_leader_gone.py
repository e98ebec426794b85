"""BB109: nobody leads: the lease of a controller of istiod is held by a pod that is gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from bugbundle.bundle.manifest import parse_time
from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import clip, some

LEASE = "leases.coordination.k8s.io"
LOCK = "control-plane.alpha.kubernetes.io/leader"
ROOT = "istio-ca-root-cert"
DUTIES = {
    "namespace-controller": "writes istio-ca-root-cert into each namespace",
    "gateway-deployment": "makes the pods of Gateways",
    "gateway-status": "writes the status of Gateways and routes",
    "status": "writes the status of objects",
    "leader": "writes the status of Ingresses",
}
"""What the leader of each lock does (istio, `pkg/cluster` and `pilot/pkg/leaderelection`)."""

LATE = timedelta(minutes=2)
"""A holder renews every few seconds; another takes over when the lease (30 s) has run out."""


@rule(
    "BB109",
    per=Mesh,
    level=Level.WARNING,
    reads={LEASE, res.POD},
    optional={res.CONFIG_MAP, res.NAMESPACE},
    explains={"BB618", "BB503", "BB709", "BB815", "IST0171"},
    message="no istiod leads {what} since {age}: {leases} {holder}",
)
def leader_gone(mesh: Mesh) -> Iterator[Evidence]:
    """A lock of istiod's leader election (Lease or ConfigMap) has run out: nobody holds it, or a pod that is gone.

    ## Why it matters
    One replica at a time writes status (conditions of Gateways, routes, Services), makes the pods of Gateways and keeps
    `istio-ca-root-cert` in each namespace. Without a leader these stand still, while pushes to proxies go on.

    ## What to do
    Look at istiod's log for `leader election` and at whether its Role may update leases; restart istiod.
    """
    yield from _of_leases(mesh)
    yield from _of_config_maps(mesh)


def _of_config_maps(mesh: Mesh) -> Iterator[Evidence]:
    """Locks in an annotation of ConfigMaps, as istiod keeps some of them."""
    spaces = {one.namespace for one in mesh.istiods if one.pod is not None}
    living = {pod.name for pod in mesh.kube.list(res.POD)}
    for item in mesh.kube.list(res.CONFIG_MAP):
        if item.namespace not in spaces or not item.name.startswith("istio-") or LOCK not in item.annotations:
            continue
        record = _record(item.annotations[LOCK])
        holder, renewed = as_text(record.get("holderIdentity")), parse_time(record.get("renewTime"))
        if renewed and mesh.now and mesh.now - renewed > LATE and holder not in living:
            duty = next((words for name, words in DUTIES.items() if name in item.name), "")
            yield Evidence(
                ref(item),
                {
                    "what": item.name.removeprefix("istio-") + (f" ({duty})" if duty else ""),
                    "age": span((mesh.now - renewed).total_seconds()),
                    "leases": f"ConfigMap {item.namespace}/{item.name} names",
                    "holder": f"holder {holder}, which is gone" if holder else "no holder",
                },
                objects=(*_waiting(mesh, item.name), *(ref(one) for one in mesh.istiods)),
                proofs=(
                    Proof(item.at(f"/metadata/annotations/{LOCK.replace('/', '~1')}"), clip(item.annotations[LOCK])),
                ),
                confidence=Confidence.LIKELY,
            )


def _waiting(mesh: Mesh, name: str) -> Iterator[Ref]:
    """The namespaces that lack what the namespace controller would write."""
    if "namespace-controller" not in name:
        return
    there = {item.namespace for item in mesh.kube.list(res.CONFIG_MAP) if item.name == ROOT}
    for space in mesh.kube.list(res.NAMESPACE):
        if space.name not in there:
            yield ref(space)


def _record(text: str) -> dict[str, Any]:
    try:
        return as_dict(decode(text.encode()))
    except BugbundleError:
        return {}


def _of_leases(mesh: Mesh) -> Iterator[Evidence]:
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
                "holder": f"by {pod.name}, which is gone",
            },
            objects=(pod, *(ref(one) for one in mesh.istiods)),
            proofs=tuple(Proof(one.at("/spec"), f"{one.name}: holder {pod.name}") for one in leases[:3]),
            confidence=Confidence.LIKELY,
        )
