"""BB604: a namespace carries both `istio-injection` and `istio.io/rev`."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.injection import INJECTION, REVISION
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import alive, index, pod_id, proxied
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB604",
    per=Mesh,
    level=Level.WARNING,
    reads={res.NAMESPACE},
    optional={res.POD, res.REPLICA_SET},
    message=(
        "namespace {name} is labelled istio-injection={value} and istio.io/rev={revision}: the first wins, {effect}"
    ),
    explains={"IST0123"},
)
def injection_labels_conflict(mesh: Mesh) -> Iterator[Evidence]:
    """A namespace carries both `istio-injection` and `istio.io/rev`.

    ## Why it matters
    `istio-injection` wins: with `disabled` nothing is injected although the revision label asks for it; with
    `enabled` the default revision injects, not the one named.

    ## What to do
    Remove `istio-injection` from the namespace to use the revision, or `istio.io/rev` to do without.
    """
    for space in mesh.kube.list(res.NAMESPACE):
        value, revision = space.labels.get(INJECTION), space.labels.get(REVISION)
        if value is None or not revision or space.name in SYSTEM_NAMESPACES:
            continue
        pods = [pod for pod in index(mesh).pods_in.get(space.name, []) if alive(pod) and not proxied(pod)]
        off = value != "enabled"
        yield Evidence(
            ref(space),
            {
                "name": space.name,
                "value": value,
                "revision": revision,
                "effect": f"nothing is injected ({some(len(pods), 'pod')} without sidecar)"
                if off
                else "the default revision injects",
            },
            objects=tuple(dict.fromkeys(workload(mesh, pod) for pod in pods)) if off else (),
            proofs=(Proof(space.at("/metadata/labels"), f"{INJECTION}={value}, {REVISION}={revision}"),),
            affects=tuple(pod_id(pod) for pod in pods) if off else (),
            level=Level.WARNING if off or revision != "default" else Level.INFO,
        )
