"""BB514: what goes wrong for istio-cni, by its log."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.logs import cni_log
from bugbundle.mesh.workloads.index import alive, index, node_of
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule

KINDS = {
    ("directory", "read_only"): "cannot write the node's CNI directory (set global.platform)",
    ("unauthorized", "plugin", "plugin_ambient"): "has a plugin that fails",
    ("no_ztunnel",): "has no connection to the node's ztunnel",
    ("restore", "host_rules", "nftables", "reconcile"): "cannot write the rules that redirect traffic",
    ("probes",): "cannot let the kubelet's probes through",
    ("conflict",): "fights with another component over the CNI configuration",
    ("preempted", "priority"): "is behind another plugin in the CNI configuration",
    ("repaired", "repaired_old"): "had to repair pods that started without redirection",
    ("partial",): "could not add pods to the mesh at the first attempt",
}
CALM = re.compile(r"^\S+\s+(?:info|debug)\s")
"""What istio-cni says without complaint: that its configuration was preempted and is written again, at every start."""

FEWEST = {"partial": 3}
"""Lines that it takes to be told: a second attempt is normal."""


@rule(
    "BB514",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG, res.POD},
    message="istio-cni on node {node} {what}, {count}× within the last 10 minutes: {text}",
    explains={"BB509", "BB613"},
)
def cni_errors(mesh: Mesh) -> Iterator[Evidence]:
    """What goes wrong for istio-cni, by its log.

    ## Why it matters
    Pods that start on the node are not redirected (their traffic bypasses the mesh), fail their probes, or do not
    start.

    ## What to do
    CNI directory: `global.platform`, or `cni.cniBinDir` and `cni.cniConfDir`. Fights: with Cilium
    `cni.exclusive=false`. No ztunnel: look at the node's ztunnel pod. Rules: the kernel's iptables or nft modules,
    SELinux. Repaired pods: istio-cni came up after them, as on a new node; give it a high priority and tolerations
    for every taint.
    """
    for pod in index(mesh).select({"k8s-app": "istio-cni-node"}):
        found = cni_log(mesh, pod.namespace, pod.name) if alive(pod) else None
        for names, what in KINDS.items():
            lines = found.recent(*names) if found else []
            if "preempted" in names:
                lines = [line for line in lines if not CALM.search(line.whole)]
            if len(lines) >= FEWEST.get(names[0], 1):
                yield Evidence(
                    ref(pod),
                    {"node": node_of(pod), "what": what, "count": len(lines), "text": lines[-1].said},
                    objects=(Ref("Node", "", node_of(pod)), workload(mesh, pod)),
                    proofs=(lines[-1].proof,),
                    affects=(f"node {node_of(pod)}",),
                    confidence=Confidence.LIKELY,
                    at=lines[-1].at,
                )
