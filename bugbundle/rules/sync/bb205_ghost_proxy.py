"""istiod lists a proxy that has no pod."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.workloads.pod_age import finished
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB205",
    per=Istiod,
    level=Level.INFO,
    reads={Source.ISTIOD_SYNCZ, "pods"},
    diagnosis=False,
    message="{istiod} lists proxy {proxy}, and there is no such pod",
)
def ghost_proxy(istiod: Istiod) -> Iterator[Evidence]:
    """debug/syncz has a proxy whose pod the Kubernetes API does not know.

    ## Why it matters
    A half-open stream of a pod that is gone: it costs pushes and makes counts wrong, no more. Proxies outside of this
    cluster (virtual machines, remote clusters of the same control plane) look the same.

    ## What to do
    Nothing, if it is gone in the next recording. If it stays, look at istiod's keepalive settings.
    """
    rows = istiod.syncz
    local = {as_text(row.get("cluster_id")) for proxy, row in rows.items() if _pod(istiod, proxy)}
    for proxy, row in rows.items():
        name, _, namespace = proxy.partition(".")
        if as_text(row.get("cluster_id")) not in local or _pod(istiod, proxy):
            continue
        yield Evidence(
            origin=Ref("Pod", namespace, name),
            values={"istiod": istiod.name, "proxy": proxy},
            objects=(ref(istiod),),
            proofs=(Proof(Pointer(istiod.entry("debug/syncz.json")), f"proxy {proxy}"),),
            confidence=Confidence.LIKELY,
        )


def _pod(istiod: Istiod, proxy: str) -> bool:
    """Whether the proxy's pod is there and alive."""
    name, _, namespace = proxy.partition(".")
    pod = istiod.mesh.pods.get((namespace, name))
    return pod is not None and not finished(pod)
