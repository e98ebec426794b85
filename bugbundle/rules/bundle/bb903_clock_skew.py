"""Clocks that do not agree."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref
from bugbundle.mesh.signals.logs import time_of
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.model import Confidence, Evidence, Level, rule

SKEW_SECONDS = 5.0
"""Certificates of istiod are valid from two minutes before they are made, so a few seconds do no harm."""

TAIL = 4096


@rule(
    "BB903",
    per=Mesh,
    level=Level.WARNING,
    reads={Source.LOG},
    optional={"pods"},
    diagnosis=False,
    explains={"BB401"},
    message="the clock of node {node} is {ahead} ahead of the recorder's: {count} of its logs end after they were read",
)
def clock_skew(mesh: Mesh) -> Iterator[Evidence]:
    """Logs hold lines of a time later than the one at which they were read.

    ## Why it matters
    A certificate that is fresh on one node is not valid yet on another; ages in this report are wrong by as much.

    ## What to do
    Look at time synchronisation (NTP, chrony) of the node, and of the machine that recorded.
    """
    ahead: dict[str, list[tuple[float, str]]] = {}
    for path in mesh.bundle.paths("logs/"):
        parts = path.split("/")
        entry = mesh.bundle.manifest.entries.get(path) if mesh.bundle.manifest else None
        if len(parts) != 4 or entry is None or entry.at is None or not _known(parts[3]):
            continue
        last = time_of(mesh.bundle[path][-TAIL:].rstrip().rpartition(b"\n")[2])
        late = (last - entry.at).total_seconds() if last else 0.0
        pod = mesh.pods.get((parts[1], parts[2]))
        if late > SKEW_SECONDS and pod is not None:
            ahead.setdefault(as_text(pod.spec.get("nodeName")), []).append((late, path))
    for node, found in sorted(ahead.items()):
        late, path = max(found)
        yield Evidence(
            origin=Ref("Node", "", node),
            values={"node": node, "ahead": span(late), "count": len(found)},
            proofs=(Proof(Pointer(path), f"its last line is {late:.0f} s younger than the recording"),),
            confidence=Confidence.LIKELY,
        )


def _known(name: str) -> bool:
    """Logs whose lines begin with UTC: of Istio's own containers, not of applications."""
    return name in ("istio-proxy.log", "discovery.log", "install-cni.log")
