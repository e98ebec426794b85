"""IST0129: a DestinationRule opens TLS to one port and checks no server certificate."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.kube import as_text
from bugbundle.mesh.ref import name_of
from bugbundle.rules.istioctl.tls import tls_settings
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level


@analyzer(
    "IST0129",
    "destinationrule.CaCertificateAnalyzer",
    level=Level.WARNING,
    reads={res.DESTINATION_RULE},
    message=(
        "DestinationRule {name} in namespace {namespace} has TLS mode set to {mode} but no "
        "caCertificates are set to validate server identity for host: {host} at port {port}"
    ),
)
def no_server_verification_of_port(mesh: Mesh) -> Iterator[Hit]:
    """A DestinationRule opens TLS to one port and checks no server certificate.

    ## Why it matters
    Whoever answers is trusted.

    ## What to do
    Set `caCertificates` (or `credentialName`) and `subjectAltNames`.
    """
    for rule_, place, tls, port in tls_settings(mesh):
        if not port or tls.get("mode") not in ("SIMPLE", "MUTUAL") or tls.get("caCertificates"):
            continue
        if tls.get("credentialName") and rule_.spec.get("workloadSelector"):
            continue
        values = {
            "name": name_of(rule_),
            "namespace": rule_.namespace,
            "mode": tls["mode"],
            "host": as_text(rule_.spec.get("host")),
            "port": f"number:{port}",
        }
        yield Hit(rule_, values, place, f"mode: {tls['mode']}, no caCertificates")
