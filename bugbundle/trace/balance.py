"""Which endpoints of a cluster Envoy's load balancer may choose: by health, priority, and panic.

Sources: source/extensions/load_balancing_policies/common/load_balancer_impl.cc (`recalculatePerPriorityState`,
`recalculatePerPriorityPanic`, `distributeLoad`); the overprovisioning factor is 1.4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bugbundle.mesh.kube import as_dict
from bugbundle.trace.model import Endpoint

LOST = frozenset({"UNHEALTHY", "TIMEOUT", "DRAINING", "failed outlier check", "failed active health check"})
FACTOR = 140


@dataclass(frozen=True, slots=True)
class Socket:
    """What is spoken to an endpoint.

    `mode`: `plain`, `istio` (mTLS of the mesh), `tls` (other TLS), `hbone` (through an internal listener); `expects`
    are the subject alternative names that the client accepts.
    """

    mode: str = "plain"
    sni: str = ""
    alpn: tuple[str, ...] = ()
    expects: tuple[str, ...] = ()
    certificate: bool = False


@dataclass(frozen=True, slots=True)
class Host:
    """One endpoint with what is spoken to it; `hop` the address of the waypoint that takes it, if any."""

    endpoint: Endpoint
    socket: Socket
    hop: str = ""
    priority: int = 0


def usable(cluster: dict[str, Any], hosts: list[Host]) -> list[Host]:
    """The hosts that may be chosen, of all priorities that get a share; in panic the unhealthy ones too."""
    groups = [[one for one in hosts if one.priority == level] for level in range(_levels(hosts))]
    healthy = [_share(group, _is_healthy) for group in groups]
    degraded = [_share(group, _is_degraded) for group in groups]
    total = min(100, sum(healthy) + sum(degraded))
    if total == 0:
        return list(hosts) if any(_in_panic(cluster, group) for group in groups) else []
    left = 100 * 100
    found: list[Host] = []
    for shares, fits in ((healthy, _is_healthy), (degraded, _is_degraded)):
        for group, share in zip(groups, shares, strict=True):
            load = min(left, share * 100 * 100 // total)
            left -= load
            if load:
                panic = total < 100 and _in_panic(cluster, group)
                found += [one for one in group if (panic or fits(one)) and one not in found]
    return found


def _levels(hosts: list[Host]) -> int:
    return max((one.priority for one in hosts), default=-1) + 1


def _is_healthy(host: Host) -> bool:
    return host.endpoint.health not in LOST and host.endpoint.health != "DEGRADED"


def _is_degraded(host: Host) -> bool:
    return host.endpoint.health == "DEGRADED"


def _share(group: list[Host], fits: Callable[[Host], bool]) -> int:
    """How much of the load a priority can take, in 100, overprovisioned."""
    return min(100, FACTOR * sum(map(fits, group)) // len(group)) if group else 0


def _in_panic(cluster: dict[str, Any], group: list[Host]) -> bool:
    policy = as_dict(cluster.get("common_lb_config"))
    default = 0.0 if "healthy_panic_threshold" in policy else 50.0
    threshold = float(as_dict(policy.get("healthy_panic_threshold")).get("value", default))
    good = sum(_is_healthy(one) or _is_degraded(one) for one in group)
    return bool(group) and 100.0 * good / len(group) < min(threshold, 100.0)
