"""What `istioctl experimental precheck` 1.29 checks before an install or upgrade, as far as a recording can tell.

Source: Istio's `istioctl/pkg/precheck`, `pkg/config/analysis/analyzers/maturity`. The permissions of whoever would
install (IST0141) are asked of the API server at that moment: no recording has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bugbundle.codec import decode
from bugbundle.errors import BugbundleError
from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed
from bugbundle.mesh.kube import as_dict, as_text, dicts
from bugbundle.rules import Confidence, Finding, Level, Ref
from bugbundle.rules.istioctl.annotations import KINDS, OWN
from bugbundle.rules.lib.istioctl import suppressed
from bugbundle.words import quoted

VERSION = "k8s/version.json"
MINIMUM = 30
"""The oldest minor version of Kubernetes 1 that Istio 1.29 runs on."""

NEEDED = {
    "v1beta1": ("IST0156", Level.ERROR, frozenset({"GatewayClass", "Gateway", "HTTPRoute", "ReferenceGrant"})),
    "v1": ("IST0172", Level.WARNING, frozenset({"GatewayClass", "Gateway", "GRPCRoute", "HTTPRoute"})),
}
"""API version → code and level where one of these kinds of the Gateway API is not served in it."""

NOT_ALPHA = frozenset({
    *OWN, "ambient.istio.io/redirection", "kubernetes.io/ingress.class", "proxy.istio.io/config",
    "sidecar.istio.io/inject", "traffic.istio.io/nodeSelector",
})  # fmt: skip
"""Istio's annotations that are further than alpha, and those that Istio itself writes."""

OF_CNI = frozenset({
    "sidecar.istio.io/interceptionMode", "traffic.sidecar.istio.io/excludeInboundPorts",
    "traffic.sidecar.istio.io/includeInboundPorts", "traffic.sidecar.istio.io/includeOutboundIPRanges",
})  # fmt: skip
"""What the injector writes where there is no `istio-init`."""

TRACING_SINCE = 21
_MINOR = re.compile(r"v?1\.(\d+)")


def precheck(mesh: Mesh, namespace: str = "", since: str = "", control_plane: bool = True) -> list[Finding]:
    """The messages, sorted by level, code, origin. `since` is the version that one comes from (`1.20`).

    Raises `BugbundleError` where `since` is no version, or the version of Kubernetes was not recorded.
    """
    found: list[Finding] = []
    if control_plane:
        found += [*_server(mesh), *_gateway_api(mesh), *_alpha(mesh, namespace)]
    if since:
        found += _since(mesh, since)
    return sorted(found, key=Finding.sort_key)


def _message(code: str, level: Level, origin: Ref, text: str) -> Finding:
    return Finding(code, level, origin, text, (origin,), (), (), Confidence.CERTAIN, None)


def _server(mesh: Mesh) -> Iterator[Finding]:
    """IST0142: Kubernetes is too old."""
    if VERSION not in mesh.bundle:
        reason = mesh.bundle.gap(VERSION).reason or "it was not recorded"
        raise BugbundleError(f"failed to get the Kubernetes version: {reason}", where=VERSION)
    version = as_text(as_dict(decode(mesh.bundle[VERSION], VERSION)).get("gitVersion"))
    minor = _MINOR.match(version)
    if minor is None:
        raise BugbundleError("has no version of Kubernetes 1", where=VERSION)
    if int(minor[1]) < MINIMUM:
        text = f"The Kubernetes Version {quoted(version)} is lower than the minimum version: 1.{MINIMUM}"
        yield _message("IST0142", Level.ERROR, Ref("Cluster", "", ""), text)


def _gateway_api(mesh: Mesh) -> Iterator[Finding]:
    """IST0156, IST0172: a kind of the Gateway API is not served in the version that Istio reads."""
    for crd in mesh.kube.list(res.CRD):
        if as_text(crd.spec.get("group")) != "gateway.networking.k8s.io":
            continue
        kind = as_text(as_dict(crd.spec.get("names")).get("kind"))
        rows = dicts(crd.spec.get("versions"))
        served = sorted({as_text(row.get("name")) for row in rows if row.get("served") is True})
        for version, (code, level, kinds) in NEEDED.items():
            if kind in kinds and version not in served:
                has = ",".join(served) or "none"
                text = f"The Gateway API CRD version {has} is lower than the minimum version: {version}"
                yield _message(code, level, Ref("CustomResourceDefinition", "", crd.name), text)


def _alpha(mesh: Mesh, namespace: str) -> Iterator[Finding]:
    """IST0136: an annotation whose feature is alpha."""
    for resource in (res.NAMESPACE, res.SERVICE, res.POD, res.DEPLOYMENT):
        for item in analysed(mesh, resource):
            where = item.name if resource == res.NAMESPACE else item.namespace
            if suppressed(item, "IST0136") or (namespace and where != namespace):
                continue
            skipped = OF_CNI if resource == res.POD and not _has_init(item) else frozenset()
            for name in item.annotations:
                if name in KINDS and name not in NOT_ALPHA and name not in skipped:
                    text = (
                        f"Annotation {quoted(name)} is part of an alpha-phase feature"
                        " and may be incompletely supported."
                    )
                    yield _message("IST0136", Level.INFO, Ref(item.kind, item.namespace, item.name), text)


def _has_init(pod: KubeObject) -> bool:
    return any(container.get("name") == "istio-init" for container in dicts(pod.spec.get("initContainers")))


def _since(mesh: Mesh, version: str) -> Iterator[Finding]:
    """IST0169: what a change of defaults since a version means here."""
    major, dot, minor = version.partition(".")
    if not dot:
        raise BugbundleError(f"invalid version {version}, expected format like '1.0'")
    if major != "1":
        raise BugbundleError(f"expected major version 1, got {version}")
    if not re.fullmatch(r"[-+]?[0-9]{1,9}", minor):
        raise BugbundleError(f"minor version is not a number: {minor}")
    zipkin = mesh.kube.get(res.SERVICE, "istio-system", "zipkin")
    if int(minor) <= TRACING_SINCE and zipkin is not None:
        text = (
            'The configuration "meshConfig.defaultConfig.tracer" changed in release 1.21: tracing is no longer by'
            " default enabled to send to 'zipkin.istio-system.svc'; follow"
            " https://istio.io/latest/docs/tasks/observability/distributed-tracing/telemetry-api/. Or, install with"
            " `--set compatibilityVersion=1.21` to retain the old default."
        )
        yield _message("IST0169", Level.WARNING, Ref("Service", zipkin.namespace, zipkin.name), text)
