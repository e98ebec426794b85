"""BB613: the init container that should redirect a pod's traffic fails."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import INIT, Line, log
from bugbundle.mesh.workloads.index import alive, node_of, pod_id
from bugbundle.mesh.workloads.trouble import Trouble, by_workload, statuses
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import some

INIT_CONTAINERS = {"istio-init": "cannot set up redirection", "istio-validation": "finds no redirection"}


@rule(
    "BB613",
    per=Mesh,
    level=Level.ERROR,
    reads={res.POD},
    optional={res.REPLICA_SET, Source.LOG},
    message="{container} of {owner} {what} in {pods} ({how}){said}",
    explains={"BB203", "BB302", "BB306", "BB308", "BB704", "BB750", "BB801"},
)
def redirection_not_set_up(mesh: Mesh) -> Iterator[Evidence]:
    """The init container that should redirect a pod's traffic fails: `istio-init`, or `istio-validation`.

    ## Why it matters
    Neither the proxy nor the application starts.

    ## What to do
    `istio-init`: it needs NET_ADMIN and NET_RAW, and the kernel's iptables modules; where the platform forbids them,
    use istio-cni. `istio-validation`: istio-cni did not set the pod up; look at its pod and its log on the node, then
    delete the pod. A pod of a Job is not repaired: run the Job again once istio-cni is ready on the node.
    """
    found = [
        one
        for pod in mesh.kube.list(res.POD)
        if alive(pod) or _of_a_job(pod)
        for one in statuses(pod)
        if one.container in INIT_CONTAINERS and failed(one)
    ]
    for (owner, container), group in by_workload(mesh, found).items():
        first = group[0]
        told = last_words(mesh, first)
        nodes = (Ref("Node", "", node_of(one.pod)) for one in group if container == "istio-validation")
        yield Evidence(
            owner,
            {
                "owner": str(owner),
                "container": container,
                "what": INIT_CONTAINERS[container],
                "pods": some(len(group), "pod"),
                "how": first.how(),
                "said": f"; it says: {told.said}" if told else "",
            },
            objects=(*(ref(one.pod) for one in group[:20]), *dict.fromkeys(nodes)),
            proofs=(
                *(Proof(one.pod.at(one.place), f"{one.pod}: {one.how()}") for one in group[:3]),
                *((told.proof,) if told else ()),
            ),
            affects=tuple(pod_id(one.pod) for one in group),
        )


def _of_a_job(pod: KubeObject) -> bool:
    """Whether the pod has failed for good: one of a Job is not started again, nor repaired by istio-cni."""
    return pod.status.get("phase") == "Failed" and ("Job" in dict(pod.owners))


def failed(one: Trouble) -> bool:
    """Whether an init container ended badly, and has not ended well since."""
    return not one.status.get("ready") and one.last_end.get("exitCode") not in (None, 0)


def last_words(mesh: Mesh, one: Trouble) -> Line | None:
    """The line of its log that tells why."""
    found = log(mesh, one.pod.namespace, one.pod.name, one.container, INIT)
    return found.last("denied", "table", "command", "unreachable") or found.last("timeout") if found else None
