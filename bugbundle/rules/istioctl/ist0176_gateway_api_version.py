"""IST0176: a Gateway API kind is installed in a version that Istio does not read."""

from __future__ import annotations

from collections.abc import Iterator

from bugbundle.istio import Source
from bugbundle.mesh import Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.istiod_version import newest_version
from bugbundle.rules.lib.istioctl import Hit, analyzer
from bugbundle.rules.model import Level
from bugbundle.words import quoted

MINIMUM = {
    "grpcroutes.gateway.networking.k8s.io": "1.1.0",
    "backendtlspolicies.gateway.networking.k8s.io": "1.4.0",
    "tlsroutes.gateway.networking.k8s.io": "1.5.0",
    "tcproutes.gateway.networking.k8s.io": "1.6.0",
}
"""The least version of the Gateway API for each kind (Istio 1.31)."""

SINCE = (1, 30)
"""The Istio that asks for these: an older one reads older versions."""


@analyzer(
    "IST0176",
    "k8sgateway.CRDVersionAnalyzer",
    level=Level.WARNING,
    reads={res.CRD, Source.ISTIOD_VERSION},
    optional={res.POD},
    message=(
        "Gateway API CRD {crd} is at version {found} but Istio requires at least {minimum}; "
        "resources of this kind will not be processed. Upgrade the Gateway API CRDs to satisfy the "
        "minimum version."
    ),
)
def gateway_api_version(mesh: Mesh) -> Iterator[Hit]:
    """A Gateway API kind is installed in a version that Istio does not read.

    ## Why it matters
    Objects of this kind are not processed.

    ## What to do
    Upgrade the Gateway API's CRDs.
    """
    if newest_version(mesh) < SINCE:
        return
    for crd in mesh.kube.list(res.CRD):
        minimum = MINIMUM.get(crd.name)
        found = crd.annotations.get("gateway.networking.k8s.io/bundle-version", "").removeprefix("v")
        version = numbers(found)
        if minimum and version and version < numbers(minimum):
            values = {"crd": quoted(crd.name), "found": quoted("v" + found), "minimum": quoted("v" + minimum)}
            yield Hit(crd, values, "/metadata/annotations", f"bundle-version: v{found}")


def numbers(version: str) -> tuple[int, ...]:
    """`1.4.0-rc1` → (1, 4, 0); empty for what is no version."""
    parts = version.partition("-")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
