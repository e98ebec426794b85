"""A cluster that istiod cannot see."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Istiod, Pointer
from bugbundle.mesh.kube import as_text, dicts
from bugbundle.mesh.ref import Proof, Ref, ref
from bugbundle.mesh.signals.logs import istiod_log
from bugbundle.rules.model import Confidence, Evidence, Level, rule


@rule(
    "BB106",
    per=Istiod,
    level=Level.ERROR,
    reads={Source.ISTIOD_DEBUG},
    optional={Source.LOG},
    explains={"BB302"},
    message="{istiod} has not synced remote cluster {cluster}: {status}{text}",
)
def remote_cluster_not_synced(istiod: Istiod) -> Iterator[Evidence]:
    """debug/clusterz lists a cluster whose status is not `synced`.

    ## Why it matters
    Endpoints of that cluster are missing from every proxy of this control plane, or are out of date.

    ## What to do
    Check the kubeconfig in the remote secret (server address, token, CA) and the path from istiod to that API server;
    recreate it with `istioctl create-remote-secret`.
    """
    log = istiod_log(istiod.mesh, istiod.namespace, istiod.name)
    lines = log.all("remote_timeout", "remote_failed", "remote_config") if log else []
    for number, row in enumerate(dicts(istiod.json("debug/clusterz.json"))):
        status = as_text(row.get("syncStatus"))
        if status in ("", "synced"):
            continue
        name = as_text(row.get("id"))
        told = [line for line in lines if name in line.text]
        space, _, secret = as_text(row.get("secretName")).partition("/")
        yield Evidence(
            origin=Ref("Secret", space, secret) if secret else ref(istiod),
            values={
                "istiod": istiod.id,
                "cluster": name,
                "status": status,
                "text": f" ({told[-1].said})" if told else "",
            },
            objects=(ref(istiod),),
            proofs=(
                Proof(Pointer(istiod.entry("debug/clusterz.json"), f"/{number}"), f"{name}: {status}"),
                *(line.proof for line in told[-1:]),
            ),
            confidence=Confidence.CERTAIN,
        )
