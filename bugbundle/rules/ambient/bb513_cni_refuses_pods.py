"""BB513: pods cannot start because the istio-cni plugin fails."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from bugbundle.bundle.manifest import parse_time
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.index import alive, index, node_of, pod_id
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Evidence, Level, rule
from bugbundle.words import clip, some

RECENT = timedelta(minutes=15)
NOT_FOUND = "failed to find plugin"
_PATH = re.compile(r"in path \[([^\]]*)\]")
PLUGIN = 'plugin type="istio-cni"'


@rule(
    "BB513",
    per=Mesh,
    level=Level.ERROR,
    reads={res.EVENT, res.POD},
    optional={res.REPLICA_SET},
    message="istio-cni lets {pods} on {node} not start{absent}{place}: {text}",
    explains={"BB302", "BB509", "BB514", "BB557", "BB603", "BB605", "BB704", "BB750", "BB805", "IST0103"},
)
def cni_refuses_pods(mesh: Mesh) -> Iterator[Evidence]:
    """Pods cannot start because the istio-cni plugin fails (event FailedCreatePodSandBox).

    ## Why it matters
    The kubelet cannot make the pod's network: every pod on the node stays in ContainerCreating, in the mesh or not.

    ## What to do
    «Unauthorized»: the plugin's token is stale, restart the node's istio-cni pod; where istio-cni was removed or is not
    scheduled on the node, delete the plugin's entry from /etc/cni/net.d by hand. «no ztunnel connection»: bring the
    node's ztunnel up. «failed to find plugin»: set `cni.cniBinDir` of the istio-cni chart to the directory where the
    node's runtime looks (GKE: /home/kubernetes/bin; OpenShift: /var/lib/cni/bin; `platform` of the chart sets it).
    """
    groups: dict[str, list[tuple[KubeObject, KubeObject]]] = defaultdict(list)
    pods = {(pod.namespace, pod.name): pod for pod in mesh.kube.list(res.POD)}
    for event in mesh.kube.list(res.EVENT):
        about = as_dict(event.raw.get("involvedObject"))
        pod = pods.get((as_text(about.get("namespace")), as_text(about.get("name"))))
        if pod is not None and alive(pod) and _recent(mesh, event) and pod.status.get("phase") == "Pending":
            groups[node_of(pod)].append((pod, event))
    for node, found in groups.items():
        agents = [one for one in index(mesh).select({"k8s-app": "istio-cni-node"}) if node_of(one) == node]
        last = found[-1][1]
        text = as_text(last.raw.get("message"))
        makers = [workload(mesh, one) for one in agents if NOT_FOUND in text]
        origin = makers[0] if makers else Ref("Node", "", node)
        held = tuple({ref(pod): pod for pod, _ in found}.values())
        yield Evidence(
            origin,
            {
                "node": f"node {node}",
                "pods": some(len(held), "pod"),
                "place": _place(agents, text),
                "absent": "" if agents else " (no istio-cni pod runs there)",
                "text": clip(text[max(0, text.find(PLUGIN)) :]),
            },
            objects=(
                Ref("Node", "", node),
                *(ref(one) for one in agents),
                *(ref(pod) for pod in held[:50]),
                *dict.fromkeys(workload(mesh, pod) for pod in held),
            ),
            proofs=(Proof(last.at("/message"), clip(text)),),
            affects=tuple(pod_id(pod) for pod in held),
            at=parse_time(last.raw.get("lastTimestamp")),
        )


def _place(agents: list[KubeObject], text: str) -> str:
    """Where istio-cni puts its binary and where the runtime looks, where the two differ."""
    looked = _PATH.search(text)
    paths = [
        as_text(as_dict(volume.get("hostPath")).get("path"))
        for one in agents
        for volume in dicts(one.spec.get("volumes"))
        if volume.get("name") == "cni-bin-dir"
    ]
    if not looked or not paths or paths[0] in looked[1].split():
        return ""
    return f" (it installs its binary in {paths[0]}, cniBinDir, and the runtime looks in {looked[1]})"


def _recent(mesh: Mesh, event: KubeObject) -> bool:
    """Whether an event tells of the plugin, and lately."""
    if event.raw.get("reason") != "FailedCreatePodSandBox" or PLUGIN not in as_text(event.raw.get("message")):
        return False
    at = parse_time(event.raw.get("lastTimestamp") or event.raw.get("eventTime"))
    return not (mesh.now and at and mesh.now - at > RECENT)
