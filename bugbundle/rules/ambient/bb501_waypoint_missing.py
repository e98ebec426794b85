"""BB501: `istio.io/use-waypoint` names a Gateway that does not exist."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.waypoints import (
    Binding,
    ambient_pods,
    asked,
    bound_condition,
    in_ambient,
    service_bindings,
    waypoint,
)
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, index, pod_id
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some


@rule(
    "BB501",
    per=Mesh,
    level=Level.ERROR,
    reads={res.NAMESPACE, res.SERVICE, res.K8S_GATEWAY},
    optional={res.SERVICE_ENTRY, res.POD},
    message=(
        "{holder} uses waypoint {name}, which does not exist{services}: traffic goes straight to "
        "the workloads, without L7"
    ),
    explains={"BB505", "BB506", "BB557", "BB750", "IST0171"},
)
def waypoint_missing(mesh: Mesh) -> Iterator[Evidence]:
    """`istio.io/use-waypoint` names a Gateway that does not exist.

    ## Why it matters
    Traffic goes straight to the workloads: no L7 routing, policy or telemetry; an L7 AuthorizationPolicy for
    the waypoint protects nothing.

    ## What to do
    Create the waypoint (`istioctl waypoint apply --name NAME -n NAMESPACE`), or correct the label; the value
    `none` says that none is wanted.
    """
    groups: dict[tuple[Ref, tuple[str, str]], list[Binding]] = defaultdict(list)
    for found in (*service_bindings(mesh), *holder_bindings(mesh)):
        if waypoint(mesh, found.waypoint) is None:
            groups[ref(found.holder), found.waypoint].append(found)
    for (holder, key), members in groups.items():
        space = members[0].target.namespace or members[0].target.name
        pods = [pod_id(pod) for pod in ambient_pods(mesh, space)]
        ambient = bool(pods) or in_ambient(index(mesh).labels_of(space))
        targets = [ref(item.target) for item in members if not item.own]
        yield Evidence(
            holder,
            {
                "holder": str(holder),
                "name": "/".join(key),
                "services": f" ({some(len(targets), 'Service')})" if targets else "",
            },
            objects=(Ref("Gateway", *key), *targets),
            proofs=(
                Proof(members[0].holder.at("/metadata/labels"), f"istio.io/use-waypoint={key[1]}"),
                *(proof for item in members[:5] for proof in condition_proof(item)),
            ),
            affects=tuple(pods),
            level=Level.ERROR if ambient else Level.WARNING,
        )


def holder_bindings(mesh: Mesh) -> Iterator[Binding]:
    """The labels of ambient namespaces, and of pods, by themselves: they count also without any Service."""
    for space in mesh.kube.list(res.NAMESPACE):
        key = asked(space.labels, space.name)
        if key and key[1]:
            yield Binding(space, space, key)
    for pod in mesh.kube.list(res.POD):
        key = asked(pod.labels, pod.namespace)
        if key and key[1] and alive(pod):
            yield Binding(pod, pod, key)


def condition_proof(found: Binding) -> Iterator[Proof]:
    """What istiod itself says of the binding."""
    told = bound_condition(found.target)
    if told:
        yield Proof(found.target.at(told[0]), f"{found.target}: {as_text(told[1].get('message'))}")
