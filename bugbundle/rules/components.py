"""The parts of a mesh and what each depends on: why a failure in one explains failures in others.

Pod creation goes through admission and the webhook to istiod; a pod starts through the CNI and ztunnel with a
certificate; a proxy lives on its certificate and on what istiod sends; traffic lives on all of it. Declared once here:
a finding about one part explains later ones about parts that depend on it, where they share an object.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache


class Component(StrEnum):
    """A part of a mesh that can fail by itself."""

    NODE = "node"
    ADMISSION = "admission (quota, policies)"
    CONTROL_PLANE = "istiod"
    WEBHOOK = "webhook"
    PODS = "creation of pods"
    AUTHORITY = "certificate authority"
    CNI = "istio-cni"
    ZTUNNEL = "ztunnel"
    START = "start of pods"
    DISTRIBUTION = "distribution of configuration"
    PROXY = "proxy"
    WAYPOINT = "gateways and waypoints"
    WORKLOAD = "readiness of workloads"
    ENDPOINTS = "endpoints"
    TRAFFIC = "traffic"


C = Component
DEPENDS: dict[Component, tuple[Component, ...]] = {
    C.CONTROL_PLANE: (C.NODE, C.ADMISSION),
    C.WEBHOOK: (C.CONTROL_PLANE,),
    C.PODS: (C.ADMISSION, C.WEBHOOK),
    C.AUTHORITY: (C.CONTROL_PLANE,),
    C.CNI: (C.NODE, C.PODS),
    C.ZTUNNEL: (C.PODS, C.CNI, C.AUTHORITY, C.CONTROL_PLANE),
    C.START: (C.PODS, C.CNI, C.ZTUNNEL, C.CONTROL_PLANE),
    C.DISTRIBUTION: (C.CONTROL_PLANE, C.AUTHORITY),
    C.PROXY: (C.START, C.AUTHORITY, C.DISTRIBUTION),
    C.WAYPOINT: (C.PROXY, C.PODS, C.CONTROL_PLANE),
    C.WORKLOAD: (C.START, C.PROXY),
    C.ENDPOINTS: (C.WORKLOAD, C.CONTROL_PLANE),
    C.TRAFFIC: (C.ENDPOINTS, C.PROXY, C.WAYPOINT, C.ZTUNNEL, C.DISTRIBUTION),
}
"""A part → what it cannot do without."""

CODES: dict[Component, str] = {
    C.NODE: "BB802 BB803 BB806 BB812 BB814",
    C.ADMISSION: "BB612 BB804",
    C.CONTROL_PLANE: "BB101 BB102 BB103 BB109 BB110 BB151 BB152 BB153 BB813",
    C.WEBHOOK: "BB108 BB601 BB602 BB603 BB609 BB611 BB620",
    C.PODS: "BB610",
    C.AUTHORITY: "BB408 BB410",
    C.CNI: "BB512",
    C.ZTUNNEL: "BB511 BB553 BB554 BB558",
    C.START: "BB513 BB613 BB615 BB618",
    C.DISTRIBUTION: "BB202 BB203 BB206 BB208 BB210",
    C.PROXY: "BB305 BB306 BB308",
    C.WAYPOINT: "BB503 BB815",
    C.WORKLOAD: "BB801 BB805",
    C.ENDPOINTS: "BB302 BB704",
    C.TRAFFIC: "BB750 BB557",
}
"""Which findings are about which part's own failure."""

OF: dict[str, Component] = {code: part for part, codes in CODES.items() for code in codes.split()}


@cache
def upstream(part: Component) -> frozenset[Component]:
    """All that a part depends on, directly or through others."""
    direct = DEPENDS.get(part, ())
    return frozenset(direct).union(*(upstream(one) for one in direct))


def explains(cause: str, code: str) -> bool:
    """Whether a finding with one code may be the reason for one with another, by the parts that they are about."""
    above, below = OF.get(cause), OF.get(code)
    return above is not None and below is not None and above in upstream(below)
