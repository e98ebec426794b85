"""Istio's annotations: which there are, what they may stand on, what they may say (`istio.io/api/annotation`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from bugbundle.mesh import KubeObject, Mesh
from bugbundle.mesh import kinds as res
from bugbundle.mesh.analysed import analysed

ANY = "Any"
_KINDS = {
    "Service": "alpha.istio.io/canonical-serviceaccounts alpha.istio.io/kubernetes-serviceaccounts "
    "networking.istio.io/exportTo traffic.istio.io/nodeSelector",
    "Pod": "ambient.istio.io/bypass-inbound-capture ambient.istio.io/dns-capture ambient.istio.io/redirection "
    "inject.istio.io/templates istio.io/reroute-virtual-interfaces istio.io/rev prometheus.istio.io/merge-metrics "
    "proxy.istio.io/config proxy.istio.io/overrides readiness.status.sidecar.istio.io/applicationPorts "
    "readiness.status.sidecar.istio.io/failureThreshold readiness.status.sidecar.istio.io/initialDelaySeconds "
    "readiness.status.sidecar.istio.io/periodSeconds sidecar.istio.io/agentLogLevel "
    "sidecar.istio.io/bootstrapOverride sidecar.istio.io/componentLogLevel sidecar.istio.io/discoveryAddress "
    "sidecar.istio.io/extraStatTags sidecar.istio.io/inject sidecar.istio.io/interceptionMode "
    "sidecar.istio.io/logLevel sidecar.istio.io/nativeSidecar sidecar.istio.io/proxyCPU "
    "sidecar.istio.io/proxyCPULimit sidecar.istio.io/proxyImage sidecar.istio.io/proxyImageType "
    "sidecar.istio.io/proxyMemory sidecar.istio.io/proxyMemoryLimit sidecar.istio.io/rewriteAppHTTPProbers "
    "sidecar.istio.io/statsCompression sidecar.istio.io/statsEvictionInterval sidecar.istio.io/statsFlushInterval "
    "sidecar.istio.io/statsHistogramBins sidecar.istio.io/statsHistogramBuckets "
    "sidecar.istio.io/statsInclusionPrefixes sidecar.istio.io/statsInclusionRegexps "
    "sidecar.istio.io/statsInclusionSuffixes sidecar.istio.io/status sidecar.istio.io/userVolume "
    "sidecar.istio.io/userVolumeMount status.sidecar.istio.io/port traffic.sidecar.istio.io/excludeInboundPorts "
    "traffic.sidecar.istio.io/excludeInterfaces traffic.sidecar.istio.io/excludeOutboundIPRanges "
    "traffic.sidecar.istio.io/excludeOutboundPorts traffic.sidecar.istio.io/includeInboundPorts "
    "traffic.sidecar.istio.io/includeOutboundIPRanges traffic.sidecar.istio.io/includeOutboundPorts "
    "traffic.sidecar.istio.io/kubevirtInterfaces",
    "GatewayClass, Gateway": "ambient.istio.io/waypoint-inbound-binding",
    "Gateway": "gateway.istio.io/name-override gateway.istio.io/service-account networking.istio.io/service-type",
    "WorkloadEntry": "istio.io/autoRegistrationGroup istio.io/connectedAt istio.io/disconnectedAt "
    "istio.io/workloadController",
    "AuthorizationPolicy": "istio.io/dry-run",
    "Service, ServiceEntry, Namespace": "istio.io/use-waypoint-canary-weight",
    "Namespace, Service, ServiceEntry": "networking.istio.io/traffic-distribution",
    "Ingress": "kubernetes.io/ingress.class",
    "Namespace": "topology.istio.io/controlPlaneClusters",
    ANY: "galley.istio.io/analyze-suppress gateway.istio.io/controller-version",
}
KINDS = {name: kinds for kinds, names in _KINDS.items() for name in names.split()}
"""annotation → the kinds it may stand on, as istioctl prints them."""

DEPRECATED = {
    "alpha.istio.io/canonical-serviceaccounts": "",
    "alpha.istio.io/kubernetes-serviceaccounts": "",
    "sidecar.istio.io/discoveryAddress": "",
    "sidecar.istio.io/extraStatTags": "",
    "sidecar.istio.io/inject": ' in favor of the "sidecar.istio.io/inject" label',
    "sidecar.istio.io/statsCompression": "",
    "sidecar.istio.io/statsInclusionPrefixes": "",
    "sidecar.istio.io/statsInclusionRegexps": "",
    "sidecar.istio.io/statsInclusionSuffixes": "",
    "traffic.sidecar.istio.io/kubevirtInterfaces": "",
}
OWN = frozenset({"sidecar.istio.io/status", "gateway.istio.io/controller-version", "istio.io/rev"})
"""What Istio itself writes."""

_BOOL = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})


def annotated(mesh: Mesh, code: str) -> Iterator[tuple[KubeObject, str, str]]:
    """(object, annotation, what the message adds) of the annotations that deserve this code."""
    for resource in (res.NAMESPACE, res.SERVICE, res.POD, res.DEPLOYMENT):
        for item in analysed(mesh, resource):
            for name, value in item.annotations.items():
                if _ours(name):
                    yield from ((item, name, extra) for found, extra in _judge(item, name, value) if found == code)


def _ours(name: str) -> bool:
    head, slash, _ = name.partition("/")
    return name == "kubernetes.io/ingress.class" or (bool(slash) and head.endswith("istio.io") and name not in OWN)


def _judge(item: KubeObject, name: str, value: str) -> Iterator[tuple[str, str]]:
    kinds = KINDS.get(name)
    if kinds is None:
        yield "IST0108", ""
        return
    if name in DEPRECATED and not (name == "sidecar.istio.io/inject" and name in item.labels):
        yield "IST0135", DEPRECATED[name]
    if kinds == ANY:
        return
    if item.kind not in kinds.split(", "):
        yield "IST0107", kinds
        return
    check = CHECKS.get(name)
    problem = check(value) if check else ""
    if problem:
        yield "IST0125", problem


def _mode(value: str) -> str:
    return (
        ""
        if value in ("REDIRECT", "TPROXY", "NONE")
        else f"interceptionMode invalid, use REDIRECT,TPROXY,NONE: {value}"
    )


def _number(value: str) -> str:
    valid = value.isdigit() and int(value) < 2**32
    return "" if valid else f'strconv.ParseUint: parsing "{value}": invalid syntax'


def _truth(value: str) -> str:
    return "" if value in _BOOL else f'strconv.ParseBool: parsing "{value}": invalid syntax'


def _ports(name: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        for port in filter(None, (part.strip() for part in value.split(","))):
            wrong = _port(port)
            if wrong:
                return f"{name} invalid: failed parsing port '{port}': {wrong}"
        return ""

    return check


def _ports_or_all(name: str) -> Callable[[str], str]:
    check = _ports(name)
    return lambda value: "" if value.strip() == "*" else check(value)


def _status_port(value: str) -> str:
    wrong = _port(value)
    return f"excludeInboundPorts invalid: {wrong}" if wrong else ""


def _port(value: str) -> str:
    if re.fullmatch(r"\d+", value) and int(value) <= 65535:
        return ""
    problem = "value out of range" if value.isdigit() else "invalid syntax"
    return f"failed parsing port '{value}': strconv.ParseUint: parsing \"{value}\": {problem}"


CHECKS: dict[str, Callable[[str], str]] = {
    "sidecar.istio.io/interceptionMode": _mode,
    "sidecar.istio.io/rewriteAppHTTPProbers": _truth,
    "prometheus.istio.io/merge-metrics": _truth,
    "status.sidecar.istio.io/port": _status_port,
    "readiness.status.sidecar.istio.io/initialDelaySeconds": _number,
    "readiness.status.sidecar.istio.io/periodSeconds": _number,
    "readiness.status.sidecar.istio.io/failureThreshold": _number,
    "readiness.status.sidecar.istio.io/applicationPorts": _ports("readinessApplicationPorts"),
    "traffic.sidecar.istio.io/includeInboundPorts": _ports_or_all("includeInboundPorts"),
    "traffic.sidecar.istio.io/excludeInboundPorts": _ports("excludeInboundPorts"),
    "traffic.sidecar.istio.io/includeOutboundPorts": _ports_or_all("includeOutboundPorts"),
    "traffic.sidecar.istio.io/excludeOutboundPorts": _ports("excludeOutboundPorts"),
}
