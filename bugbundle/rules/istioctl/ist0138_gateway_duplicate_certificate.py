"""IST0138: several Gateways serve the same certificate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.config.gateways import certificates_of
from bugbundle.mesh.kube import texts
from bugbundle.mesh.ref import name_of, ref
from bugbundle.mesh.selectors import contains
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import go_list


@analyzer(
    "IST0138",
    "gateway.CertificateAnalyzer",
    level=Level.WARNING,
    reads={res.GATEWAY},
    message=("Duplicate certificate in multiple gateways {names} may cause 404s if clients re-use HTTP2 connections."),
)
def gateway_duplicate_certificate(mesh: Mesh) -> Iterator[Hit]:
    """Several Gateways serve the same certificate.

    ## Why it matters
    Browsers reuse an HTTP/2 connection for all names of a certificate: requests for the other Gateway's host
    answer 404.

    ## What to do
    Use one Gateway for the certificate, or one certificate per host.
    """
    served: dict[tuple[str, ...], list[KubeObject]] = defaultdict(list)
    gateways = analysed(mesh, res.GATEWAY)
    for gateway in gateways:
        for key in certificates_of(gateway):
            served[key].append(gateway)
    for gateway in gateways:
        mine = texts(gateway.spec.get("selector"))
        for key in certificates_of(gateway):
            same = [other for other in served[key] if contains(texts(other.spec.get("selector")), mine)]
            if {ref(other) for other in same} - {ref(gateway)}:
                names = list(dict.fromkeys(name_of(other) for other in (gateway, *same)))
                objects = tuple(ref(other) for other in same)
                yield Hit(gateway, {"names": go_list(names)}, "/spec/servers", " ".join(key), objects)
