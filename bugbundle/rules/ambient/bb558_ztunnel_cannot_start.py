"""A ztunnel that is not ready, and says why."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Ztunnel
from bugbundle.mesh.kinds import POD
from bugbundle.mesh.ref import Ref, ref
from bugbundle.mesh.signals.logs import ztunnel_log
from bugbundle.mesh.workloads.index import ready
from bugbundle.mesh.workloads.owners import workload
from bugbundle.rules.model import Confidence, Evidence, Level, rule
from bugbundle.words import clip

KINDS = ("start", "bind", "announce", "protocol", "fetch", "xds", "grpc")
"""What a ztunnel that does not become ready complains about (`ZTUNNEL` in mesh/signals/logs.py)."""


@rule(
    "BB558",
    per=Ztunnel,
    level=Level.ERROR,
    reads={Source.LOG, POD},
    explains={
        "BB302",
        "BB509",
        "BB511",
        "BB512",
        "BB513",
        "BB514",
        "BB551",
        "BB553",
        "BB554",
        "BB555",
        "BB557",
        "BB805",
    },
    message="{ztunnel} on node {node} does not become ready{meaning}, {count}×: {text}",
)
def ztunnel_cannot_start(ztunnel: Ztunnel) -> Iterator[Evidence]:
    """A ztunnel is not ready, and its log says what it fails at.

    ## Why it matters
    The ambient pods of the node have no network: their traffic is redirected to a ztunnel that does not listen.

    ## What to do
    «Bind([::1]:…): Cannot assign requested address»: IPv6 is off on the node; set `IPV6_ENABLED: "false"` in ztunnel's
    environment (`env` of the chart), or switch IPv6 on. «Address already in use»: another process in the pod holds one
    of the ports 15001, 15006, 15008, 15053. «failed to connect to the Istio CNI node agent»: bring the node's istio-cni
    up, of the same version. gRPC and XDS errors: the path to istiod's port 15012.
    """
    if ztunnel.pod is None or ready(ztunnel.pod):
        return
    log = ztunnel_log(ztunnel.mesh, ztunnel.namespace, ztunnel.name)
    for kind in KINDS:
        found = log.recent(kind) if log else []
        if not found:
            continue
        yield Evidence(
            origin=ref(ztunnel),
            values={
                "ztunnel": ztunnel.id,
                "node": ztunnel.node_name,
                "meaning": _meaning(found[-1].whole),
                "count": len(found),
                "text": clip(found[-1].said, 300),
            },
            objects=(workload(ztunnel.mesh, ztunnel.pod), Ref("Node", "", ztunnel.node_name)),
            proofs=tuple(line.proof for line in found[-2:]),
            affects=(ztunnel.id,),
            confidence=Confidence.LIKELY,
            at=found[-1].at,
        )
        return


def _meaning(text: str) -> str:
    """What the operating system's error means here; empty where it says nothing known."""
    if "Bind([::" in text and "AddrNotAvailable" in text:
        return ": it cannot bind an IPv6 address, because IPv6 is off on the node"
    if "AddrInUse" in text or "Address already in use" in text:
        return ": another process holds one of its ports"
    return ""
