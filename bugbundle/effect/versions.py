"""Objects of the Gateway API that a control plane leaves out, as their CRD is older than it reads.

Source: pkg/kube/kclient/crdwatcher.go (`minimumCRDVersions`, by the CRD's annotation
gateway.networking.k8s.io/bundle-version): «CRD … version … is below minimum version …, ignoring», at level info.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.effect.model import Reason, Why
from bugbundle.mesh import Istiod, KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.config.hosts import texts_of
from bugbundle.mesh.ref import Proof, ref

BUNDLE = "gateway.networking.k8s.io/bundle-version"
MINIMUM: dict[str, tuple[tuple[tuple[int, int], str], ...]] = {
    res.GRPC_ROUTE: (((1, 23), "1.1.0"),),
    res.BACKEND_TLS_POLICY: (((1, 28), "1.4.0"),),
    res.TLS_ROUTE: (((1, 30), "1.5.0"),),
    res.TCP_ROUTE: (((1, 31), "1.6.0"),),
}
"""List → (Istio's minor version, the least version of the Gateway API that it reads from then on)."""

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def numbers(text: str) -> tuple[int, ...]:
    """`v1.4.1` → (1, 4, 1); empty for what is no version."""
    match = _VERSION.search(text)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def version_of(istiod: Istiod) -> tuple[int, ...]:
    """(1, 29, 6): what an istiod says of itself, else its image's tag."""
    told = numbers(istiod.text("version.txt"))
    if told or istiod.pod is None:
        return told
    images = [str(one.get("image", "")) for one in istiod.pod.spec.get("containers") or [] if isinstance(one, dict)]
    return next((found for image in images if (found := numbers(image.rpartition(":")[2]))), ())


def least(resource: str, istio: tuple[int, ...]) -> str:
    """The least version of the Gateway API that an istiod reads a list at; empty where it does not ask."""
    found = [minimum for since, minimum in MINIMUM.get(resource, ()) if istio[:2] >= since]
    return found[-1] if found else ""


def outdated(mesh: Mesh, resource: str, item: KubeObject) -> Iterator[Why]:
    """Where every control plane whose version is known leaves the object's kind out."""
    if resource not in MINIMUM:
        return
    crd = mesh.kube.get(res.CRD, "", resource)
    has = crd.annotations.get(BUNDLE, "") if crd else ""
    versions = [one for istiod in mesh.istiods if (one := version_of(istiod))]
    wanted = [least(resource, one) for one in versions]
    if crd is None or not numbers(has) or not wanted or not all(one and numbers(has) < numbers(one) for one in wanted):
        return
    istio = ".".join(map(str, versions[0]))
    text = (
        f"is of CRD {crd.name} at version {has}, and istiod {istio} reads that kind from v{wanted[0]} "
        "on: it leaves every "
        f"{item.kind} out (the status may be of an older istiod)"
    )
    todo = f"Install the CRDs of Gateway API v{wanted[0]} or newer."
    proof = Proof(crd.at("/metadata/annotations"), f"bundle-version: {has}")
    hosts = tuple(texts_of(item.spec.get("hostnames")))
    yield Why(Reason.VERSION, text, todo, "", (ref(crd),), (proof,), hosts)
