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

GROUP = "gateway.networking.k8s.io"
MINIMUM = {
    f"grpcroutes.{GROUP}": ("1.1.0", (1, 30)),
    f"backendtlspolicies.{GROUP}": ("1.4.0", (1, 30)),
    f"tlsroutes.{GROUP}": ("1.5.0", (1, 30)),
    f"tcproutes.{GROUP}": ("1.6.0", (1, 31)),
}
"""For each kind the oldest Gateway API version that Istio reads, and the first release of Istio to require it."""


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
    istio = newest_version(mesh)
    for crd in mesh.kube.list(res.CRD):
        minimum, since = MINIMUM.get(crd.name, ("", (0,)))
        found = crd.annotations.get("gateway.networking.k8s.io/bundle-version", "").removeprefix("v")
        version = numbers(found)
        if minimum and istio >= since and version and version < numbers(minimum):
            values = {"crd": quoted(crd.name), "found": quoted("v" + found), "minimum": quoted("v" + minimum)}
            yield Hit(crd, values, "/metadata/annotations", f"bundle-version: v{found}")


def numbers(version: str) -> tuple[int, ...]:
    """`1.4.0-rc1` → (1, 4, 0); empty for what is no version."""
    parts = version.partition("-")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()
