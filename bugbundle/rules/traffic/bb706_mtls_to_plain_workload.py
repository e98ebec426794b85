"""BB706: clients are told to send Istio's mTLS to workloads that cannot answer it."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import SYSTEM_NAMESPACES
from bugbundle.mesh.config.client_tls import client_tls
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import Proof, name_of, ref
from bugbundle.mesh.selectors import contains
from bugbundle.mesh.workloads.index import index, meshed, pod_id
from bugbundle.rules.model import Evidence, Level, rule


@rule(
    "BB706",
    per=Mesh,
    level=Level.ERROR,
    reads={res.DESTINATION_RULE, res.SERVICE, res.POD},
    message=(
        "DestinationRule {rule} makes clients send Istio's mTLS to the pods of Service {service}, {count} in the mesh"
    ),
    explains={"BB302", "BB304", "BB750"},
)
def mtls_to_plain_workload(mesh: Mesh) -> Iterator[Evidence]:
    """Clients are told to send Istio's mTLS to workloads that cannot answer it.

    ## Why it matters
    A DestinationRule with ISTIO_MUTUAL overrules the automatic choice: the pods have no sidecar and no
    ztunnel, so every TLS handshake fails (503, UF).

    ## What to do
    Take the `tls` block out of the DestinationRule: automatic mTLS sends plain text to workloads outside of
    the mesh. Or bring the workload into the mesh.
    """
    for item in client_tls(mesh):
        pods = [pod for pod in index(mesh).pods_of(item.service) if contains(pod.labels, item.subset)]
        plain = [pod for pod in pods if not meshed(pod)]
        if item.mode != "ISTIO_MUTUAL" or not plain or item.service.namespace in SYSTEM_NAMESPACES:
            continue
        wide = as_text(item.rule.spec.get("host")).startswith("*")
        every = len(plain) == len(pods)
        yield Evidence(
            ref(item.rule),
            {
                "rule": name_of(item.rule),
                "service": name_of(item.service),
                "count": "none of them" if every else f"{len(plain)} of {len(pods)} not",
            },
            objects=(ref(item.service), *(ref(pod) for pod in plain[:20])),
            proofs=(
                Proof(item.rule.at(item.place), "mode: ISTIO_MUTUAL"),
                Proof(plain[0].at("/spec/containers"), f"{plain[0]}: no proxy, not captured by ztunnel"),
            ),
            affects=tuple(pod_id(pod) for pod in plain),
            level=Level.ERROR if every and not wide else Level.WARNING,
        )
