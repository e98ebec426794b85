"""Which traffic of a pod goes through its sidecar: what the redirection was told.

Sources: the annotations `traffic.sidecar.istio.io/*` (istio.io, Resource Annotations) and the arguments of
`istio-iptables` (tools/istio-iptables/pkg/constants: -i -x -q -o -b -d) in the pod's init container.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh import KubeObject
from bugbundle.mesh.kube import as_list, as_text, dicts
from bugbundle.trace.matchers import holds, network

PREFIX = "traffic.sidecar.istio.io/"
ARGUMENTS = {
    "-i": "includeOutboundIPRanges", "-x": "excludeOutboundIPRanges", "-q": "includeOutboundPorts",
    "-o": "excludeOutboundPorts", "-b": "includeInboundPorts", "-d": "excludeInboundPorts",
}  # fmt: skip
DEFAULTS = {"includeOutboundIPRanges": "*", "includeInboundPorts": "*"}
OWN = frozenset({15000, 15001, 15004, 15006, 15020, 15021, 15090})
"""Ports of the proxy itself, which are never redirected to it."""


@dataclass(frozen=True, slots=True)
class Capture:
    """Whether a connection is redirected; `why` where not, in words."""

    redirected: bool
    why: str = ""


def outbound(pod: KubeObject, address: str, port: int) -> Capture:
    """A connection that the pod opens."""
    rules = _rules(pod)
    if port and _has_port(rules["excludeOutboundPorts"], port):
        return Capture(False, f"port {port} is excluded ({PREFIX}excludeOutboundPorts)")
    if port and _has_port(rules["includeOutboundPorts"], port):
        return Capture(True)
    if address and _in(rules["excludeOutboundIPRanges"], address):
        return Capture(False, f"{address} is excluded ({PREFIX}excludeOutboundIPRanges)")
    wanted = rules["includeOutboundIPRanges"]
    if wanted == "*" or not address or _in(wanted, address):
        return Capture(True)
    return Capture(False, f"{address} is not in {PREFIX}includeOutboundIPRanges ({wanted or 'empty'})")


def inbound(pod: KubeObject, port: int) -> Capture:
    """A connection that comes to the pod."""
    rules = _rules(pod)
    if port in OWN:
        return Capture(False, f"port {port} is the proxy's own")
    wanted = rules["includeInboundPorts"]
    if wanted != "*":
        if _has_port(wanted, port):
            return Capture(True)
        return Capture(False, f"port {port} is not in {PREFIX}includeInboundPorts ({wanted or 'empty'})")
    if _has_port(rules["excludeInboundPorts"], port):
        return Capture(False, f"port {port} is excluded ({PREFIX}excludeInboundPorts)")
    return Capture(True)


def signature(pod: KubeObject) -> tuple[str, ...]:
    """What its redirection was told: equal for pods whose traffic is redirected alike."""
    return tuple(_rules(pod).values())


def _rules(pod: KubeObject) -> dict[str, str]:
    found = {name: DEFAULTS.get(name, "") for name in ARGUMENTS.values()}
    for name in found:
        found[name] = pod.annotations.get(PREFIX + name, found[name])
    for container in dicts(pod.spec.get("initContainers")):
        found.update(_arguments(as_list(container.get("args"))))
    return found


def _arguments(words: list[Any]) -> dict[str, str]:
    if as_text(words[0] if words else "") != "istio-iptables":
        return {}
    pairs = itertools.pairwise(words)
    return {ARGUMENTS[flag]: str(value) for flag, value in pairs if flag in ARGUMENTS}


def _has_port(ports: str, port: int) -> bool:
    return ports == "*" or str(port) in (one.strip() for one in ports.split(","))


def _in(ranges: str, address: str) -> bool:
    for one in filter(None, (part.strip() for part in ranges.split(","))):
        if one == "*":
            return True
        base, _, length = one.partition("/")
        if holds(network(base, int(length) if length.isdigit() else (128 if ":" in base else 32)), address):
            return True
    return False
