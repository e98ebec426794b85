"""IST0161: the Secret of a Gateway holds no usable certificate."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_text, dicts, texts
from bugbundle.mesh.ref import Proof, ref
from bugbundle.mesh.workloads.index import index, pod_id
from bugbundle.rules.istioctl.credentials import invalid
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0161",
    "gateway.SecretAnalyzer",
    level=Level.ERROR,
    reads={res.GATEWAY, res.POD, res.SECRET},
    explains={"BB406"},
    message=(
        "The credential referenced by the Gateway {name} in namespace {namespace} is invalid, which"
        " can cause the traffic not to work as expected."
    ),
    diagnosis=True,
)
def invalid_gateway_credential(mesh: Mesh) -> Iterator[Hit]:
    """The Secret of a Gateway holds no usable certificate.

    ## Why it matters
    The gateway cannot serve TLS for the hosts of that server.

    ## What to do
    Put a certificate and its key into the Secret (`tls.crt` and `tls.key`), within their validity.
    """
    for gateway in analysed(mesh, res.GATEWAY):
        pods = index(mesh).select(texts(gateway.spec.get("selector")))
        for number, server in enumerate(dicts(gateway.spec.get("servers"))):
            name = as_text(as_dict(server.get("tls")).get("credentialName"))
            secret = mesh.kube.get(res.SECRET, pods[0].namespace, name) if pods and name else None
            reason = invalid(secret, mesh.now) if secret else ""
            if secret and reason:
                values = {"name": gateway.name, "namespace": gateway.namespace}
                place = f"/spec/servers/{number}/tls/credentialName"
                proof = (Proof(secret.at("/data"), reason),)
                ids = tuple(pod_id(pod) for pod in pods)
                yield Hit(gateway, values, place, f"credentialName: {name}", (ref(secret),), ids, proof)
