"""The mesh's root near its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bugbundle.istio import Source
from bugbundle.mesh import Mesh, Pointer
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.metrics import samples
from bugbundle.mesh.workloads.pod_age import span
from bugbundle.rules.certificates.identity import ROOT, held
from bugbundle.rules.model import Evidence, Level, rule

METRICS = ("citadel_server_root_cert_expiry_timestamp", "citadel_server_cert_chain_expiry_timestamp")
WARN = timedelta(days=30)
TELL = timedelta(days=90)


@rule(
    "BB407",
    per=Mesh,
    level=Level.WARNING,
    reads=set(),
    optional={Source.ISTIOD_METRICS, Source.ENVOY_CONFIG_DUMP, Source.ZTUNNEL_CONFIG_DUMP, "pods"},
    explains={"BB401", "BB404", "BB408"},
    message="the {what} of {owner} {state}",
)
def root_near_expiry(mesh: Mesh) -> Iterator[Evidence]:
    """The root or signing certificate of the mesh's CA has expired, or ends within 30 days (90: told as Info).

    ## Why it matters
    When it ends, no workload certificate is valid any more and all mTLS in the mesh fails at once.

    ## What to do
    Rotate it in steps: distribute the new root beside the old one, then sign with the new, then remove the old.
    """
    if mesh.now is None:
        return
    seen: set[int] = set()
    for istiod in mesh.istiods:
        for name in METRICS:
            for sample in samples(istiod.text("metrics.txt"), name):
                if 0 < sample.value < 4e9:
                    seen.add(int(sample.value))
                    ends = datetime.fromtimestamp(sample.value, UTC)
                    what = "root certificate" if "root" in name else "signing certificate"
                    proof = Proof(
                        Pointer(istiod.entry("metrics.txt"), f"line {sample.line}"), f"{name} {sample.value:.0f}"
                    )
                    yield from _judge(what, istiod.id, ref(istiod), ends - mesh.now, proof)
    for one in held(mesh):
        for root in one.roots:
            mark = int(root.not_after.timestamp())
            if one.name == ROOT and len(one.roots) == 1 and mark not in seen:
                seen.add(mark)
                proof = Proof(one.pointer, f"valid to {root.not_after:%Y-%m-%dT%H:%M:%SZ}")
                yield from _judge("root certificate", one.holder.id, ref(one.holder), root.not_after - mesh.now, proof)


def _judge(what: str, owner: str, origin: Ref, left: timedelta, proof: Proof) -> Iterator[Evidence]:
    if left > TELL:
        return
    over = left <= timedelta(0)
    state = f"expired {span(left.total_seconds())} ago" if over else f"ends in {span(left.total_seconds())}"
    yield Evidence(
        origin=origin,
        values={"what": what, "owner": owner, "state": state},
        proofs=(proof,),
        level=Level.ERROR if over else Level.WARNING if left <= WARN else Level.INFO,
    )
