"""BB654: Kubernetes is older than istiod supports."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.revisions import minor
from bugbundle.mesh.kube import as_dict, as_text
from bugbundle.mesh.ref import Proof, ref
from bugbundle.rules.model import Confidence, Evidence, Level, rule

SUPPORTED = {
    13: (20, 23),
    14: (21, 24),
    15: (22, 25),
    16: (22, 25),
    17: (23, 26),
    18: (24, 27),
    19: (25, 28),
    20: (25, 29),
    21: (26, 29),
    22: (27, 30),
    23: (27, 30),
    24: (28, 31),
    25: (29, 32),
    26: (29, 33),
    27: (29, 33),
    28: (30, 34),
    29: (31, 35),
    31: (32, 37),
}
"""Minor release of Istio → Kubernetes 1.x from … to … (istio.io, data/compatibility/supportStatus.yml)."""


@rule(
    "BB654",
    per=Mesh,
    level=Level.INFO,
    reads={Source.ISTIOD_VERSION, res.NODE},
    optional={res.POD},
    diagnosis=False,
    message="nodes run Kubernetes {kubernetes}; Istio {istio} is supported with 1.{first} to 1.{last}",
)
def kubernetes_out_of_range(mesh: Mesh) -> Iterator[Evidence]:
    """The nodes' Kubernetes is not among the releases that istiod's release supports.

    ## Why it matters
    APIs that istiod or istio-cni use may be missing, or behave otherwise.

    ## What to do
    Upgrade the older of the two.
    """
    nodes = {
        found[1]: node
        for node in mesh.kube.list(res.NODE)
        if (found := minor(as_text(as_dict(node.status.get("nodeInfo")).get("kubeletVersion")).removeprefix("v")))
    }
    for istiod in mesh.istiods[:1]:
        text = istiod.text("version.txt").strip()[:40]
        release = minor(text)
        limits = SUPPORTED.get(release[1]) if release else None
        if limits is None or not nodes:
            continue
        first, last = limits
        for number in {min(nodes), max(nodes)}:
            if first <= number <= last:
                continue
            node = nodes[number]
            yield Evidence(
                ref(istiod),
                {
                    "kubernetes": f"1.{number}",
                    "istio": f"1.{release[1] if release else 0}",
                    "first": first,
                    "last": last,
                },
                objects=(ref(node),),
                proofs=(
                    Proof(node.at("/status/nodeInfo/kubeletVersion"), f"{node}: 1.{number}"),
                    Proof(Pointer(istiod.entry("version.txt")), text),
                ),
                level=Level.WARNING if number < first - 2 else Level.INFO,
                confidence=Confidence.LIKELY,
            )
